import { existsSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_FILE } from "../models/adapters/config-file.ts";
import { type LoadAdapterOptions, loadAdapter, T5EncoderModel } from "../models/index.ts";
import type { PixArtAlphaPipeline } from "./pixart-alpha.ts";
import { StagedModel } from "./staged-model.ts";

/** Where a folder of the transformer's adapter has the one of the text encoder that belongs to it. */
export const TEXT_ENCODER_ADAPTER = "text_encoder";

/**
 * Puts a folder of PEFT on a pipeline's transformer and, where it has one in `text_encoder`, another on its text encoder.
 * Throws as `loadAdapter()` does, for a text encoder that is loaded for each use when it is loaded next; and where there is an
 * adapter of a text encoder but none to put it on.
 */
export async function loadAdapters(
  pipe: PixArtAlphaPipeline,
  folder: string,
  options: Omit<LoadAdapterOptions, "trainable"> = {},
): Promise<void> {
  const place = join(folder, TEXT_ENCODER_ADAPTER);
  const { textEncoder } = pipe;
  const isForBoth = existsSync(join(place, CONFIG_FILE));
  if (isForBoth && !(textEncoder instanceof T5EncoderModel || textEncoder instanceof StagedModel)) {
    throw new Error(
      `Expected a text encoder for the adapter in ${place} but received ${textEncoder === null ? "none" : "encoded prompts"}, which were made without it`,
    );
  }
  const onTransformer = await pipe.transformer.loadAdapter(folder, options);
  if (!isForBoth) return;
  if (textEncoder instanceof T5EncoderModel) {
    try {
      await loadAdapter(textEncoder, place, options);
    } catch (error) {
      onTransformer.remove(); // both or none
      throw error;
    }
  }
  if (textEncoder instanceof StagedModel)
    textEncoder.change((model) => loadAdapter(model, place, options));
}
