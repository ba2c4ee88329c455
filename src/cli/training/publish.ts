import { existsSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { expected } from "../../errors/index.ts";
import { nearestFolder } from "../../hub/index.ts";
import { mergeAdapters, T5EncoderModel } from "../../models/index.ts";
import { hasResolutionBins } from "../../pipelines/index.ts";
import type { ModelCard } from "../../pipelines/published/model-card.ts";
import {
  type Publishable,
  publishAdapters,
  publishAutoencoder,
  publishable,
  publishComponents,
  publishControlNet,
  publishPipeline,
  requireFree,
} from "../../pipelines/published/publish.ts";
import { absolutePlace } from "../../training/run-folder/run-readme.ts";
import {
  autoencoderFromRun,
  pipelineFromRun,
  type RunAutoencoder,
  type RunPipeline,
  runFolderOf,
} from "../../training/run-pipeline.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart publish`. */
export interface PublishCommandOptions {
  readonly dtype?: string;
  readonly raw?: boolean;
  readonly merge?: boolean;
  readonly saveKeys?: readonly string[];
  readonly json?: boolean;
}

/** `pixart publish [CONFIG] RUN OUT` */
export async function publishCommand(
  places: readonly string[],
  options: PublishCommandOptions,
): Promise<void> {
  const { configName, run, out } = placesOf(places);
  const components = componentsOf(options.saveKeys);
  const asked = dtypeOf(options.dtype);
  requireFree(out);
  if (!existsSync(run)) {
    const near = nearestFolder(run);
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    throw new UsageError(
      `Expected a run folder or one of its checkpoints for RUN but received ${run}, which does not exist${hint}`,
    );
  }
  const averaged = options.raw !== true;
  const autoencoder = await autoencoderFromRun(run);
  if (autoencoder !== undefined) {
    requireConfig(configName, autoencoder.config, run);
    await publishFoundAutoencoder(autoencoder, out, { ...options, dtype: asked });
    return;
  }
  const found = await pipelineFromRun(run, averaged);
  const { pipe, adapter, textEncoderAdapter, config, stage, step, checkpoint } = found;
  requireConfig(configName, config, run);
  const dtype = asked ?? config.publish.dtype;
  const prompt = config.sampling.prompts[0] ?? "";
  const place = `${checkpoint} (stage "${stage.name}", step ${step} of ${stage.steps})`;
  const which = stage.ema !== null && averaged ? "averaged (EMA)" : "trained";
  const cardOf = (kind: ModelCard["kind"]): ModelCard => cardOfRun(found, kind, { which, out });
  const done = (folder: string, facts: object): void => {
    const report = { folder, checkpoint, stage: stage.name, step, weights: which, ...facts };
    printResult(options.json ? JSON.stringify(report) : folder);
  };
  if (adapter !== undefined && options.merge !== true && components === undefined) {
    const [what, they] =
      textEncoderAdapter === undefined
        ? ["adapter", "It changes"]
        : ["adapters of transformer and text encoder", "They change"];
    say(`Publishing the ${which} ${what} of ${place}`);
    // After a stage that trained the weights themselves, the adapters fit no model that has a name.
    const stages = config.stages.slice(0, config.stages.indexOf(stage) + 1);
    const isBasePlain = stages.every((each) => "adapter" in each && each.adapter !== null);
    const base =
      isBasePlain && "pretrained" in config.transformer ? config.transformer.pretrained : undefined;
    const adapters = { transformer: adapter, textEncoder: textEncoderAdapter, base };
    const card = cardOf("adapter");
    const report = await publishAdapters(pipe, adapters, out, { prompt, card });
    say(`Read back: every weight is equal. ${they} the picture of ${JSON.stringify(prompt)}`);
    say(`by ${report.meanChange.toFixed(2)} of 255 per channel. With --merge: a whole pipeline`);
    done(report.folder, { kind: "adapter", prompt, meanChange: report.meanChange });
    return;
  }
  if (pipe.controlnet !== undefined && options.merge !== true && components === undefined) {
    say(`Publishing the ${which} ControlNet of ${place} as ${dtype}`);
    const card = cardOf("controlnet");
    const folder = await publishControlNet(pipe.controlnet, out, { dtype, card });
    say("Read back: every weight is equal. To draw following a picture:");
    say(`npx pixart sample MODEL PROMPT --controlnet ${out} --control-image PICTURE`);
    done(folder, { kind: "controlnet", dtype });
    return;
  }
  if (adapter !== undefined) mergeAdapters(pipe.transformer, { keepOriginals: false });
  if (textEncoderAdapter !== undefined && pipe.textEncoder instanceof T5EncoderModel) {
    mergeAdapters(pipe.textEncoder, { keepOriginals: false });
    const writesIt = components === undefined || components.includes("text_encoder");
    if (!writesIt)
      say("Warning: the run trained an adapter of the text encoder, which --save-keys leaves out");
    else if (adapter === undefined) say("The text encoder's adapter is merged into it");
  }
  say(`Publishing the ${which} weights of ${place} as ${dtype}`);
  if (components !== undefined) {
    const card = { ...cardOf("components"), components };
    const folder = await publishComponents(pipe, out, { dtype, components, card });
    say(`Read back: every weight is equal`);
    done(folder, { kind: "components", components, dtype });
    return;
  }
  const report = await publishPipeline(pipe, out, { dtype, prompt, card: cardOf("pipeline") });
  const { largestDifference } = report;
  const pictures = largestDifference === 0 ? "equal" : "equal to within 1 of 255 per channel";
  say(`Read back: every weight is equal. Drew "${prompt}" with both: the pictures are ${pictures}`);
  done(report.folder, { kind: "pipeline", dtype, prompt, largestDifference });
}

/** Throws if the named config is not the one that the run was trained with. */
function requireConfig(
  configName: string | undefined,
  config: RunPipeline["config"],
  run: string,
): void {
  if (configName !== undefined && configName !== config.name) {
    throw expected(
      `${config.name}, the config that ${run} was trained with,`,
      "the config",
      configName,
    );
  }
}

/** For a run that trained nothing else. */
async function publishFoundAutoencoder(
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

interface AutoencoderOptions extends Omit<PublishCommandOptions, "dtype"> {
  readonly dtype: "float32" | "bfloat16" | undefined;
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

function dtypeOf(dtype: string | undefined): "float32" | "bfloat16" | undefined {
  if (dtype === undefined || dtype === "float32" || dtype === "bfloat16") return dtype;
  throw new UsageError(`Expected float32 or bfloat16 for --dtype but received ${dtype}`);
}

/** diffengine's order is config, checkpoint, folder; a run holds its own config. */
function placesOf(places: readonly string[]): {
  readonly configName: string | undefined;
  readonly run: string;
  readonly out: string;
} {
  const [out, run, config, ...more] = [...places].reverse();
  if (out === undefined || run === undefined || more.length > 0) {
    throw new UsageError(
      `Expected RUN OUT or CONFIG RUN OUT for the arguments but received ${places.join(" ")}`,
    );
  }
  return { configName: config && basename(config, extname(config)), run, out };
}

function componentsOf(keys: readonly string[] | undefined): readonly Publishable[] | undefined {
  const unknown = keys?.filter((key) => !publishable.some((known) => known === key)) ?? [];
  if (unknown.length > 0) {
    throw new UsageError(
      `Expected ${publishable.join(", ")} for --save-keys but received ${unknown.join(", ")}`,
    );
  }
  return keys && publishable.filter((key) => keys.includes(key));
}
