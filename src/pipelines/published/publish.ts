import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InvalidValueError, TargetExistsError, VerificationError } from "../../errors/index.ts";
import { Staging } from "../../files/staging.ts";
import { FileWriteError } from "../../files/write-error.ts";
import { WEIGHTS_FILE } from "../../models/adapters/adapter.ts";
import { readAdapterConfig } from "../../models/adapters/config/config-file.ts";
import {
  type Adapter,
  AutoencoderKL,
  AutoencoderTiny,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { readSafetensors } from "../../weights/index.ts";
import { disposable } from "../checks/disposable.ts";
import { LazyModel } from "../prompts/lazy-model.ts";
import { PromptPack } from "../prompts/prompt-pack.ts";
import { DiffusionPipeline, type PixArtAlphaPipeline } from "./from-pretrained.ts";
import { TEXT_ENCODER_ADAPTER } from "./load-adapters.ts";
import { type ModelCard, writeModelCard } from "./model-card.ts";

/** Result of checking the published folder. */
export interface PublishReport {
  readonly folder: string;
  readonly prompt: string;
  /** Largest difference of a channel, out of 255, between the pipeline in memory and the one read back. */
  readonly largestDifference: number;
}

/** Options of {@link publishPipeline}. */
export interface PublishOptions {
  /** Number type of the written weights. */
  readonly dtype: "float32" | "bfloat16";
  /** Prompt drawn before and after, at the transformer's own size. */
  readonly prompt: string;
  /** Written as the folder's `README.md`. */
  readonly card?: ModelCard | undefined;
}

const CHECK_STEPS = 4;
/** Out of 255. Equal weights at other addresses may round differently: docs/numerics.md, "What is promised to be equal". */
const TOLERANCE = 1;

/**
 * Writes a pipeline as a folder in diffusers' layout and reads it back. The folder gets its name only if every weight is equal
 * and both draw the same picture, to 1 of 255 per channel. This rounds the weights in memory to `dtype`; a text encoder that is
 * loaded for each use is written as it is stored.
 */
export async function publishPipeline(
  pipe: PixArtAlphaPipeline,
  folder: string,
  { dtype, prompt, card }: PublishOptions,
): Promise<PublishReport> {
  if (pipe.textEncoder === null || pipe.textEncoder instanceof PromptPack) {
    throw new InvalidValueError("Expected a pipeline with a text encoder");
  }
  let largestDifference = Number.NaN;
  const target = await staged(folder, async (path) => {
    await inDType([...modelsInMemory(pipe).values()], dtype, () => pipe.savePretrained(path));
    const expected = await draw(pipe, prompt);
    // A model loaded for each use may run in another dtype than the reloaded pipeline's default.
    const { textEncoder } = pipe;
    const asWritten =
      textEncoder instanceof LazyModel ? { textEncoder } : { keepTextEncoder: true };
    using reloaded = disposable(await DiffusionPipeline.fromPretrained(path, asWritten), (made) =>
      made.dispose(),
    );
    const originals = modelsInMemory(pipe);
    for (const [name, model] of modelsInMemory(reloaded.value))
      requireSame(originals.get(name), model, name);
    largestDifference = difference(expected, await draw(reloaded.value, prompt)).largest;
    if (largestDifference > TOLERANCE) {
      throw new VerificationError(
        `The published folder draws a different picture from the run: channels differ by up to ${largestDifference} of 255`,
      );
    }
    if (card !== undefined) await writeModelCard(path, card);
  });
  return { folder: target, prompt, largestDifference };
}

/** The components that {@link publishComponents} can write, by folder name. */
export const publishable = ["transformer", "vae", "text_encoder"] as const;
export type Publishable = (typeof publishable)[number];

/** Writes single components, each to its own folder below `folder`, reads them back and compares every weight. */
export async function publishComponents(
  pipe: PixArtAlphaPipeline,
  folder: string,
  {
    dtype,
    components,
    card,
  }: Pick<PublishOptions, "dtype" | "card"> & { readonly components: readonly Publishable[] },
): Promise<string> {
  return staged(folder, async (path) => {
    for (const component of components) await publishComponent(pipe, component, { dtype, path });
    if (card !== undefined) await writeModelCard(path, card);
  });
}

/** Writes an autoencoder alone, as {@link publishComponents} does. */
export const publishAutoencoder = (
  vae: AutoencoderKL,
  folder: string,
  { dtype, card }: Pick<PublishOptions, "dtype" | "card">,
): Promise<string> =>
  staged(folder, async (path) => {
    await writeComponent(vae, "vae", { dtype, path });
    if (card !== undefined) await writeModelCard(path, card);
  });

const loaders = {
  transformer: PixArtTransformer2DModel,
  vae: AutoencoderKL,
  text_encoder: T5EncoderModel,
} as const;

async function publishComponent(
  pipe: PixArtAlphaPipeline,
  component: Publishable,
  { dtype, path }: { readonly dtype: PublishOptions["dtype"]; readonly path: string },
): Promise<void> {
  const own = modelsInMemory(pipe).get(component);
  const { textEncoder } = pipe;
  const model = own ?? (textEncoder instanceof LazyModel ? await textEncoder.load() : undefined);
  if (model === undefined)
    throw new InvalidValueError(`Expected a pipeline with a ${component} to publish`);
  using _loaded = disposable(model, () => own ?? model.dispose());
  await writeComponent(model, component, { dtype, path });
}

type Savable = Module & { savePretrained(folder: string): Promise<void> };

async function writeComponent(
  model: Savable,
  component: Publishable,
  { dtype, path }: { readonly dtype: PublishOptions["dtype"]; readonly path: string },
): Promise<void> {
  const target = join(path, component);
  await inDType([model], dtype, () => model.savePretrained(target));
  const loader = model instanceof AutoencoderTiny ? AutoencoderTiny : loaders[component];
  using reloaded = disposable<Module>(await loader.fromPretrained(target), (made) =>
    made.dispose(),
  );
  requireSame(model, reloaded.value, component);
}

/** Writes a ControlNet as diffusers' folder, reads it back and compares every weight. */
export async function publishControlNet(
  controlnet: PixArtControlNetAdapterModel,
  folder: string,
  { dtype, card }: Pick<PublishOptions, "dtype" | "card">,
): Promise<string> {
  return staged(folder, async (path) => {
    await inDType([controlnet], dtype, () => controlnet.savePretrained(path));
    using reloaded = disposable(await PixArtControlNetAdapterModel.fromPretrained(path), (made) =>
      made.dispose(),
    );
    requireSame(controlnet, reloaded.value, "ControlNet");
    if (card !== undefined) await writeModelCard(path, card);
  });
}

/** Throws if a model that was read back has other weights, whatever their number type. */
function requireSame(model: Module | undefined, reloaded: Module, name: string): void {
  const originals = model?.stateDict() ?? new Map<string, torch.Tensor>();
  for (const [key, tensor] of reloaded.stateDict()) {
    const original = originals.get(key);
    const isEqual = torch.tidy(() => original?.float().equal(tensor.float()) ?? false);
    if (!isEqual)
      throw new VerificationError(`The published ${name} has other weights under ${key}`);
  }
}

/** Matching adapters of a pipeline's models. */
export interface PipelineAdapters {
  readonly transformer: Adapter;
  readonly textEncoder: Adapter | undefined;
  /** The source of the pipeline they are for, if known. */
  readonly base?: string | undefined;
}

/** How much adapters change a picture. */
export interface AdapterReport {
  readonly folder: string;
  /** Mean change of a channel, out of 255, in the picture of `prompt`. */
  readonly meanChange: number;
}

/**
 * Writes the transformer's adapter as a PEFT folder, and the text encoder's as another below it, reads them back and compares
 * every weight.
 */
export async function publishAdapters(
  pipe: PixArtAlphaPipeline,
  { transformer, textEncoder, base }: PipelineAdapters,
  folder: string,
  { prompt, card }: Pick<PublishOptions, "prompt" | "card">,
): Promise<AdapterReport> {
  const target = await staged(folder, async (path) => {
    await writeAdapter(transformer, path, base);
    if (textEncoder !== undefined)
      await writeAdapter(textEncoder, join(path, TEXT_ENCODER_ADAPTER), base);
    if (card !== undefined) await writeModelCard(path, card);
  });
  const all = textEncoder === undefined ? [transformer] : [transformer, textEncoder];
  const changed = await draw(pipe, prompt);
  using _disabled = disabled(all);
  const original = await draw(pipe, prompt);
  return { folder: target, meanChange: difference(original, changed).mean };
}

/** Disables adapters until it is disposed. */
function disabled(adapters: readonly Adapter[]): Disposable {
  const before = adapters.map((adapter) => [adapter, adapter.enabled] as const);
  for (const adapter of adapters) adapter.enabled = false;
  return disposable(before, () => {
    for (const [adapter, enabled] of before) adapter.enabled = enabled;
  });
}

async function writeAdapter(
  adapter: Adapter,
  path: string,
  base: string | undefined,
): Promise<void> {
  await adapter.save(path, { base });
  using file = readSafetensors(join(path, WEIGHTS_FILE));
  const wanted = adapter.parameters();
  const isWhole = wanted.size === file.tensors.size;
  for (const [key, tensor] of wanted) {
    const isEqual = torch.tidy(() => file.tensors.has(key) && tensor.equal(file.tensor(key)));
    if (!isWhole || !isEqual)
      throw new VerificationError(`The published adapter has other weights under ${key}`);
  }
  const named = base === undefined ? {} : { baseModelNameOrPath: base };
  if (!isDeepStrictEqual(readAdapterConfig(path), { ...adapter.config, ...named }))
    throw new VerificationError("The published adapter has another configuration");
}

type Publishing = PixArtTransformer2DModel | PixArtAlphaPipeline["vae"] | T5EncoderModel;

const modelsInMemory = ({
  transformer,
  vae,
  textEncoder,
}: PixArtAlphaPipeline): ReadonlyMap<Publishable, Publishing> => {
  const models = new Map<Publishable, Publishing>([["transformer", transformer]]);
  models.set("vae", vae);
  if (textEncoder instanceof T5EncoderModel) models.set("text_encoder", textEncoder);
  return models;
};

/** Saves models rounded to a dtype, and keeps them float32 in memory. */
async function inDType(
  models: readonly Module[],
  dtype: PublishOptions["dtype"],
  save: () => Promise<void>,
): Promise<void> {
  try {
    for (const model of models) model.to({ dtype });
    await save();
  } finally {
    for (const model of models) model.to({ dtype: "float32" });
  }
}

/** Throws if a folder to publish to is neither new nor empty. */
export function requireFree(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && readdirSync(folder).length === 0)) return;
  throw new TargetExistsError(
    `Expected a new or empty folder to publish to but received ${folder}${found.isDirectory() ? "" : ", which is a file"}. Choose another, or remove it first`,
  );
}

/**
 * Lets `write` fill a folder that gets the target's name once complete. A folder that was written but failed its check stays for
 * inspection; one that could not be written is removed.
 */
async function staged(folder: string, write: (path: string) => Promise<void>): Promise<string> {
  requireFree(folder);
  await using staging = await Staging.beside(existsSync(folder) ? realpathSync(folder) : folder);
  try {
    await write(staging.path);
    requireFree(folder); // keep anything put there in the meantime
  } catch (error) {
    if (error instanceof FileWriteError) throw error;
    staging.keep();
    const reason = error instanceof Error ? error.message : String(error);
    throw new VerificationError(
      `${reason}. What was written stays at ${staging.path} for inspection`,
      { cause: error },
    );
  }
  return await staging.publish(); // also replaces an empty folder
}

async function draw(pipe: PixArtAlphaPipeline, prompt: string): Promise<Uint8Array> {
  const { images } = await pipe(prompt, {
    numInferenceSteps: CHECK_STEPS,
    generator: torch.generator(0),
    useResolutionBinning: false,
  });
  return images[0]?.data ?? new Uint8Array();
}

function difference(a: Uint8Array, b: Uint8Array): { largest: number; mean: number } {
  let [largest, sum] = [0, 0];
  for (const [i, value] of a.entries()) {
    const change = Math.abs(value - (b[i] ?? 0));
    largest = Math.max(largest, change);
    sum += change;
  }
  return { largest, mean: sum / a.length };
}
