import { basename, resolve } from "node:path";
import { shellWord } from "../../files/processes/shell-word.ts";
import {
  type Adapter,
  mergeAdapters,
  type PixArtControlNetAdapterModel,
  T5EncoderModel,
} from "../../models/index.ts";
import { hasResolutionBins } from "../../pipelines/index.ts";
import type { ModelCard } from "../../pipelines/published/model-card.ts";
import {
  type Publishable,
  publishAdapters,
  publishAutoencoder,
  publishComponents,
  publishControlNet,
  publishPipeline,
} from "../../pipelines/published/publish.ts";
import { absolutePlace } from "../../training/run-folder/run-readme.ts";
import { type RunAutoencoder, type RunPipeline, runFolderOf } from "../../training/run-pipeline.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** What is published, where, and the words for it. */
interface Publication {
  readonly out: string;
  /** Which weights: the trained ones or their averages. */
  readonly which: string;
  /** Where they come from. */
  readonly place: string;
  readonly dtype: "float32" | "bfloat16";
  /** Drawn before and after publishing. */
  readonly prompt: string;
  /** Whether adapters become part of the weights. */
  readonly merges: boolean;
  /** Undefined for all that the run trained. */
  readonly components: readonly Publishable[] | undefined;
}

/** What was published, for `--json`. */
interface Published {
  readonly folder: string;
  readonly kind: ModelCard["kind"];
  readonly components?: readonly Publishable[];
  readonly dtype?: string;
  readonly prompt?: string;
  /** Mean difference that adapters make to the picture, of 255. */
  readonly meanChange?: number;
  /** Between pictures of the run and of the folder, of 255. */
  readonly largestDifference?: number;
}

/** Adapters or a ControlNet alone, if the run trained those and nothing else is asked for; otherwise whole models. */
export function publishFound(found: RunPipeline, publication: Publication): Promise<Published> {
  const { merges, components } = publication;
  const isAlone = !merges && components === undefined;
  if (isAlone && found.adapter !== undefined)
    return publishFoundAdapters(found, found.adapter, publication);
  if (isAlone && found.pipe.controlnet !== undefined)
    return publishFoundControlNet(found, found.pipe.controlnet, publication);
  mergeFoundAdapters(found, components);
  const { which, place, dtype } = publication;
  say(`Publishing the ${which} weights of ${place} as ${dtype}`);
  return components === undefined
    ? publishFoundPipeline(found, publication)
    : publishFoundComponents(found, components, publication);
}

async function publishFoundAdapters(
  found: RunPipeline,
  adapter: Adapter,
  { out, which, place, prompt }: Publication,
): Promise<Published> {
  const { pipe, textEncoderAdapter } = found;
  const [what, they] =
    textEncoderAdapter === undefined
      ? ["adapter", "It changes"]
      : ["adapters of transformer and text encoder", "They change"];
  say(`Publishing the ${which} ${what} of ${place}`);
  const adapters = {
    transformer: adapter,
    textEncoder: textEncoderAdapter,
    base: baseOf(found),
  };
  const card = cardOfRun(found, "adapter", { which, out });
  const { folder, meanChange } = await publishAdapters(pipe, adapters, out, { prompt, card });
  say(`Read back: every weight is equal. ${they} the picture of ${JSON.stringify(prompt)}`);
  say(`by ${meanChange.toFixed(2)} of 255 per channel. With --merge: a whole pipeline`);
  return { folder, kind: "adapter", prompt, meanChange };
}

/** The model that the adapters fit; after a stage that trained the weights themselves, none that has a name. */
function baseOf({ config, stage }: RunPipeline): string | undefined {
  const stages = config.stages.slice(0, config.stages.indexOf(stage) + 1);
  const isPlain = stages.every((each) => "adapter" in each && each.adapter !== null);
  return isPlain && "pretrained" in config.transformer ? config.transformer.pretrained : undefined;
}

async function publishFoundControlNet(
  found: RunPipeline,
  controlnet: PixArtControlNetAdapterModel,
  { out, which, place, dtype }: Publication,
): Promise<Published> {
  say(`Publishing the ${which} ControlNet of ${place} as ${dtype}`);
  const card = cardOfRun(found, "controlnet", { which, out });
  const folder = await publishControlNet(controlnet, out, { dtype, card });
  say("Read back: every weight is equal. To draw following a picture:");
  say(`npx pixart sample MODEL PROMPT --controlnet ${shellWord(out)} --control-image PICTURE`);
  return { folder, kind: "controlnet", dtype };
}

/** Makes the run's adapters part of the weights. */
function mergeFoundAdapters(
  { pipe, adapter, textEncoderAdapter }: RunPipeline,
  components: Publication["components"],
): void {
  if (adapter !== undefined) mergeAdapters(pipe.transformer, { keepOriginals: false });
  if (textEncoderAdapter === undefined || !(pipe.textEncoder instanceof T5EncoderModel)) return;
  mergeAdapters(pipe.textEncoder, { keepOriginals: false });
  const writesIt = components === undefined || components.includes("text_encoder");
  if (!writesIt)
    say("Warning: the run trained an adapter of the text encoder, which --save-keys leaves out");
  else if (adapter === undefined) say("The text encoder's adapter is merged into it");
}

async function publishFoundComponents(
  found: RunPipeline,
  components: readonly Publishable[],
  { out, which, dtype }: Publication,
): Promise<Published> {
  const card = { ...cardOfRun(found, "components", { which, out }), components };
  const folder = await publishComponents(found.pipe, out, { dtype, components, card });
  say("Read back: every weight is equal");
  return { folder, kind: "components", components, dtype };
}

async function publishFoundPipeline(
  found: RunPipeline,
  { out, which, dtype, prompt }: Publication,
): Promise<Published> {
  const card = cardOfRun(found, "pipeline", { which, out });
  const report = await publishPipeline(found.pipe, out, { dtype, prompt, card });
  const { folder, largestDifference } = report;
  const pictures = largestDifference === 0 ? "equal" : "equal to within 1 of 255 per channel";
  say(`Read back: every weight is equal. Drew "${prompt}" with both: the pictures are ${pictures}`);
  return { folder, kind: "pipeline", dtype, prompt, largestDifference };
}

/** For a run that trained nothing else. */
export async function publishFoundAutoencoder(
  { vae, config, stage, checkpoint }: RunAutoencoder,
  out: string,
  { dtype = config.publish.dtype, raw, merge, saveKeys, json }: AutoencoderOptions,
): Promise<void> {
  const key = saveKeys?.find((one) => one !== "vae");
  const unfit = [key && `--save-keys ${key}`, raw && "--raw", merge && "--merge"].find(Boolean);
  if (unfit) {
    throw new UsageError(
      `Expected --save-keys vae, --dtype or nothing for a run that trained an autoencoder alone but received ${unfit}`,
    );
  }
  say(`Publishing the autoencoder of ${checkpoint} as ${dtype}`);
  const folder = await publishAutoencoder(vae, out, {
    dtype,
    card: {
      kind: "components",
      components: ["vae"],
      title: basename(resolve(out)),
      className: "AutoencoderKL",
      base: null,
      recipe: config.name,
      dataset: absolutePlace(runFolderOf(checkpoint), config.dataset.folder),
      training: `The averaged (EMA) weights after ${stage.steps} steps at ${stage.resolution} px`,
      prompts: [],
      hasResolutionBins: false,
    },
  });
  say("Read back: every weight is equal. A config trains on its latents with");
  say(`autoencoder: { pretrained: ${JSON.stringify(folder)}, subfolder: "vae" }`);
  const facts = { folder, checkpoint, stage: stage.name, step: stage.steps, kind: "components" };
  printResult(json ? JSON.stringify({ ...facts, components: ["vae"], dtype }) : folder);
}

/** Those of the command: most have no meaning here and are refused. */
interface AutoencoderOptions {
  readonly dtype: "float32" | "bfloat16" | undefined;
  readonly raw?: boolean;
  readonly merge?: boolean;
  readonly saveKeys?: readonly string[];
  readonly json?: boolean;
}

/** Facts about the run for the published folder's README. */
export function cardOfRun(
  { pipe, config, stage, step, checkpoint }: RunPipeline,
  kind: ModelCard["kind"],
  { which, out }: { readonly which: string; readonly out: string },
): ModelCard {
  const { transformer } = config;
  const base = config.base ?? ("pretrained" in transformer ? transformer.pretrained : null);
  const run = runFolderOf(checkpoint);
  return {
    kind,
    title: basename(resolve(out)),
    className: pipe.kind.className,
    base: base === null ? null : absolutePlace(run, base),
    recipe: config.name,
    dataset: absolutePlace(run, config.dataset.folder),
    training: `The ${which} weights after ${step} of ${stage.steps} steps of the stage "${stage.name}" at ${stage.resolution} px`,
    prompts: config.sampling.prompts,
    hasResolutionBins: hasResolutionBins(pipe.transformer.config.sampleSize, pipe.vaeScaleFactor),
    defaults: pipe.defaults,
  };
}
