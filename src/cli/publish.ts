import { basename, extname } from "node:path";
import { mergeAdapters, T5EncoderModel } from "../models/index.ts";
import {
  type Publishable,
  publishAdapters,
  publishable,
  publishComponents,
  publishControlNet,
  publishPipeline,
} from "../pipelines/publish.ts";
import { pipelineFromRun } from "../training/run-pipeline.ts";
import { say } from "./talk.ts";

/** Options of `pixart publish`. */
export interface PublishCommandOptions {
  readonly dtype?: string;
  readonly raw?: boolean;
  readonly merge?: boolean;
  readonly saveKeys?: readonly string[];
}

/** `pixart publish [CONFIG] RUN OUT` */
export async function publishCommand(
  places: readonly string[],
  options: PublishCommandOptions,
): Promise<void> {
  const { configName, run, out } = placesOf(places);
  const averaged = options.raw !== true;
  const found = await pipelineFromRun(run, averaged);
  const { pipe, adapter, textEncoderAdapter, config, stage, step, checkpoint } = found;
  if (configName !== undefined && configName !== config.name) {
    throw new Error(
      `Expected ${config.name}, the config that ${run} was trained with, for the config but received ${configName}`,
    );
  }
  const dtype = options.dtype ?? config.publish.dtype;
  if (dtype !== "float32" && dtype !== "bfloat16") {
    throw new Error(`Expected float32 or bfloat16 for --dtype but received ${dtype}`);
  }
  const prompt = config.sampling.prompts[0] ?? "";
  const place = `${checkpoint} (stage "${stage.name}", step ${step} of ${stage.steps})`;
  const which = stage.ema !== null && averaged ? "averaged (EMA)" : "trained";
  if (adapter !== undefined && options.merge !== true && options.saveKeys === undefined) {
    const [what, they] =
      textEncoderAdapter === undefined
        ? ["adapter", "It changes"]
        : ["adapters of transformer and text encoder", "They change"];
    say(`Publishing the ${which} ${what} of ${place}`);
    // After a stage that trained the weights themselves the adapters are for no model that has a name.
    const stages = config.stages.slice(0, config.stages.indexOf(stage) + 1);
    const isBasePlain = stages.every((each) => "adapter" in each && each.adapter !== null);
    const base =
      isBasePlain && "pretrained" in config.transformer ? config.transformer.pretrained : undefined;
    const adapters = { transformer: adapter, textEncoder: textEncoderAdapter, base };
    const report = await publishAdapters(pipe, adapters, out, prompt);
    say(`Read back: every weight is equal. ${they} the picture of ${JSON.stringify(prompt)}`);
    say(`by ${report.meanChange.toFixed(2)} of 255 a channel. With --merge: a whole pipeline`);
    process.stdout.write(`${report.folder}\n`);
    return;
  }
  if (pipe.controlnet !== undefined && options.merge !== true && options.saveKeys === undefined) {
    say(`Publishing the ${which} ControlNet of ${place} as ${dtype}`);
    const folder = await publishControlNet(pipe.controlnet, out, dtype);
    say("Read back: every weight is equal. Draw along a picture with it:");
    say(`npx pixart sample MODEL PROMPT --controlnet ${out} --control-image PICTURE`);
    process.stdout.write(`${folder}\n`);
    return;
  }
  if (adapter !== undefined) mergeAdapters(pipe.transformer, { keepOriginals: false });
  if (textEncoderAdapter !== undefined && pipe.textEncoder instanceof T5EncoderModel) {
    mergeAdapters(pipe.textEncoder, { keepOriginals: false });
    const writesIt = options.saveKeys === undefined || options.saveKeys.includes("text_encoder");
    if (!writesIt)
      say("Warning: the run trained an adapter of the text encoder, which --save-keys leaves out");
    else if (adapter === undefined) say("The text encoder's adapter is merged into it");
  }
  say(`Publishing the ${which} weights of ${place} as ${dtype}`);
  const components = componentsOf(options.saveKeys);
  if (components !== undefined) {
    const folder = await publishComponents(pipe, out, { dtype, components });
    say(`Read back: every weight is equal`);
    process.stdout.write(`${folder}\n`);
    return;
  }
  const report = await publishPipeline(pipe, out, { dtype, prompt });
  say(`Read back and drew "${report.prompt}" with both: the pictures are equal`);
  process.stdout.write(`${report.folder}\n`);
}

/** diffengine's order is config, checkpoint, folder; a run says itself what its config was. */
function placesOf(places: readonly string[]): {
  readonly configName: string | undefined;
  readonly run: string;
  readonly out: string;
} {
  const [out, run, config, ...more] = [...places].reverse();
  if (out === undefined || run === undefined || more.length > 0) {
    throw new Error(
      `Expected RUN OUT or CONFIG RUN OUT for the arguments but received ${places.join(" ")}`,
    );
  }
  return { configName: config && basename(config, extname(config)), run, out };
}

function componentsOf(keys: readonly string[] | undefined): readonly Publishable[] | undefined {
  const unknown = keys?.filter((key) => !publishable.some((known) => known === key)) ?? [];
  if (unknown.length > 0) {
    throw new Error(
      `Expected ${publishable.join(", ")} for --save-keys but received ${unknown.join(", ")}`,
    );
  }
  return keys && publishable.filter((key) => keys.includes(key));
}
