import { existsSync } from "node:fs";
import { basename, extname } from "node:path";
import { expected } from "../../errors/index.ts";
import { nearestFolder } from "../../hub/index.ts";
import { type Publishable, publishable, requireFree } from "../../pipelines/published/publish.ts";
import {
  autoencoderFromRun,
  pipelineFromRun,
  type RunPipeline,
} from "../../training/run-pipeline.ts";
import { printResult } from "../terminal/output.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { publishFound, publishFoundAutoencoder } from "./publish-run.ts";

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
  const dtype = dtypeOf(options.dtype);
  requireFree(out);
  requireThere(run);
  const autoencoder = await autoencoderFromRun(run);
  if (autoencoder !== undefined) {
    requireConfig(configName, autoencoder.config, run);
    await publishFoundAutoencoder(autoencoder, out, { ...options, dtype });
    return;
  }
  const averaged = options.raw !== true;
  const found = await pipelineFromRun(run, averaged);
  requireConfig(configName, found.config, run);
  const { config, stage, step, checkpoint } = found;
  const which = stage.ema !== null && averaged ? "averaged (EMA)" : "trained";
  const { folder, ...facts } = await publishFound(found, {
    out,
    which,
    place: `${checkpoint} (stage "${stage.name}", step ${step} of ${stage.steps})`,
    dtype: dtype ?? config.publish.dtype,
    prompt: config.sampling.prompts[0] ?? "",
    merges: options.merge === true,
    components,
  });
  const report = { folder, checkpoint, stage: stage.name, step, weights: which, ...facts };
  printResult(options.json ? JSON.stringify(report) : folder);
}

/** Throws if there is nothing at RUN. */
function requireThere(run: string): void {
  if (existsSync(run)) return;
  const near = nearestFolder(run);
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  throw new UsageError(
    `Expected a run folder or one of its checkpoints for RUN but received ${run}, which does not exist${hint}`,
  );
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
