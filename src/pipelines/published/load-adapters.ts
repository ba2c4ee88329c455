import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { IncompatibleError } from "../../errors/index.ts";
import { CONFIG_FILE } from "../../models/adapters/config/config-file.ts";
import { folderOf, hashOfFiles, weightsFile } from "../../models/adapters/files/load-adapter.ts";
import { attachFile, componentsOf } from "../../models/adapters/files/load-lora-file.ts";
import {
  type Adapter,
  type LoadLoraFileOptions,
  loadAdapter,
  loadLoraFile,
  T5EncoderModel,
} from "../../models/index.ts";
import type { PixArtAlphaPipeline } from "../pixart-alpha.ts";
import { LazyModel } from "../prompts/lazy-model.ts";

/** Subfolder of a transformer adapter that holds the adapter of the text encoder. */
export const TEXT_ENCODER_ADAPTER = "text_encoder";

/** The file names that diffusers gives a LoRA. */
const DIFFUSERS_FILES = ["pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"];

/** Options of {@link loadAdapters}. */
export type LoadAdaptersOptions = Omit<LoadLoraFileOptions, "trainable">;

/** Loads an adapter onto one model. */
type Load<M> = (model: M) => Promise<Adapter>;

/** Loads the parts of an adapter onto the models of a pipeline. */
interface Parts {
  readonly transformer: Load<PixArtAlphaPipeline["transformer"]> | undefined;
  readonly textEncoder: Load<T5EncoderModel> | undefined;
  /** Where the text encoder's part is, and the hash of its files. */
  readonly textPlace: string;
  readonly textHash: () => Promise<string>;
}

/**
 * Puts an adapter on a pipeline. A PEFT folder goes on the transformer and, if it has a `text_encoder` subfolder, that one on the
 * text encoder. In a file, or a diffusers folder with one, each tensor goes where its key says.
 *
 * `adaptersOf(pipe.transformer)` gives the adapters: each has a `scale`, can be turned off with `enabled`, and is taken off by
 * `remove()`. `adaptersOf(pipe.textEncoder)` does so for a text encoder that stays in memory; one that is loaded for each use
 * gets its part each time, cannot lose it, and throws for it only when it is next loaded.
 * @param place a local folder or file, not a name on the Hub
 * @throws BadFileError for damaged or missing files
 * @throws IncompatibleError that lists all missing, unexpected and mis-shaped tensors, or if the adapter has a part for the text
 * encoder but the pipeline has none
 * @throws UnsupportedError, InvalidTypeError or InvalidValueError for a configuration that is not supported
 * @throws InvalidValueError for a `name`, by default "default", that another adapter on the model has
 */
export async function loadAdapters(
  pipe: PixArtAlphaPipeline,
  place: string,
  options: LoadAdaptersOptions = {},
): Promise<void> {
  const parts = partsOf(place, options);
  const { textEncoder } = pipe;
  if (
    parts.textEncoder !== undefined &&
    !(textEncoder instanceof T5EncoderModel || textEncoder instanceof LazyModel)
  ) {
    throw new IncompatibleError(
      `Expected a text encoder for the adapter in ${parts.textPlace} but received ${textEncoder === null ? "none" : "encoded prompts"}, which were made without it`,
    );
  }
  const onTransformer = await parts.transformer?.(pipe.transformer);
  if (parts.textEncoder === undefined) return;
  if (textEncoder instanceof T5EncoderModel) {
    try {
      await parts.textEncoder(textEncoder);
    } catch (error) {
      onTransformer?.remove(); // both or none
      throw error;
    }
  }
  if (textEncoder instanceof LazyModel) {
    const { name = "default", scale = 1 } = options;
    textEncoder.change(parts.textEncoder, { name, scale, hash: parts.textHash });
  }
}

function partsOf(place: string, options: LoadAdaptersOptions): Parts {
  const isFile = statSync(place, { throwIfNoEntry: false })?.isFile() ?? false;
  const folder = isFile ? folderOf(place) : place;
  if (folder === undefined) return partsOfFile(place, options);
  if (!existsSync(join(folder, CONFIG_FILE))) {
    const file = DIFFUSERS_FILES.map((name) => join(folder, name)).find(existsSync);
    if (file !== undefined) return partsOfFile(file, options);
  }
  const textFolder = join(folder, TEXT_ENCODER_ADAPTER);
  return {
    transformer: (model) =>
      isFile ? loadLoraFile(model, place, options) : model.loadAdapter(place, options),
    textEncoder: existsSync(join(textFolder, CONFIG_FILE))
      ? (model) => loadAdapter(model, textFolder, options)
      : undefined,
    textPlace: textFolder,
    textHash: hashOfFiles(weightsFile(textFolder), textFolder),
  };
}

function partsOfFile(path: string, options: LoadAdaptersOptions): Parts {
  const components = componentsOf(path) ?? new Set([undefined]);
  const isForText = components.has("text_encoder");
  const isForTransformer = !isForText || components.size > 1;
  const { onWarning = (message: string) => process.emitWarning(message) } = options;
  return {
    transformer: isForTransformer
      ? async (model) => attachFile(model, path, { ...options, onWarning }).adapter
      : undefined,
    textEncoder: isForText
      ? async (model) =>
          attachFile(model, path, { ...options, onWarning, only: "text_encoder" }).adapter
      : undefined,
    textPlace: path,
    textHash: hashOfFiles(path),
  };
}
