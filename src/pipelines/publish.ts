import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { T5EncoderModel } from "../models/index.ts";
import * as torch from "../torch/index.ts";
import { PixArtAlphaPipeline } from "./from-pretrained.ts";

/** What the published folder was checked with. */
export interface PublishReport {
  readonly folder: string;
  readonly prompt: string;
  /** Largest difference of a channel, of 255, between the pipeline in memory and the one read back. */
  readonly largestDifference: number;
}

/** How {@link publishPipeline} writes and checks. */
export interface PublishOptions {
  /** Number type of the written weights. */
  readonly dtype: "float32" | "bfloat16";
  /** Drawn before and after, at the transformer's own size. */
  readonly prompt: string;
}

const CHECK_STEPS = 4;

/**
 * Writes a pipeline as a folder in diffusers' layout, reads it back, draws the same picture with both and compares; the
 * folder takes its name only when they agree. The weights in memory are rounded to `dtype` in the process.
 */
export async function publishPipeline(
  pipe: PixArtAlphaPipeline,
  folder: string,
  { dtype, prompt }: PublishOptions,
): Promise<PublishReport> {
  const target = resolve(folder);
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new Error(
      `Expected a new or empty folder to publish to but received ${folder}. Choose another, or remove it first`,
    );
  }
  await mkdir(dirname(target), { recursive: true });
  const staged = `${target}.partial`;
  await rm(staged, { recursive: true, force: true });
  const { transformer, textEncoder, vae } = pipe;
  if (!(textEncoder instanceof T5EncoderModel)) {
    throw new Error("Expected a pipeline whose text encoder is in memory");
  }
  const models = [transformer, textEncoder, vae];
  for (const model of models) model.to({ dtype });
  await pipe.savePretrained(staged);
  for (const model of models) model.to({ dtype: "float32" });
  const expected = await draw(pipe, prompt);
  const reloaded = await PixArtAlphaPipeline.fromPretrained(staged);
  const found = await draw(reloaded, prompt);
  const largestDifference = expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (found[i] ?? 0))),
    0,
  );
  if (largestDifference > 0) {
    throw new Error(
      `The published folder draws another picture than the run: channels differ by up to ${largestDifference} of 255. It stays at ${staged} for inspection`,
    );
  }
  await rm(target, { recursive: true, force: true });
  await rename(staged, target);
  return { folder: target, prompt, largestDifference };
}

async function draw(pipe: PixArtAlphaPipeline, prompt: string): Promise<Uint8Array> {
  const { images } = await pipe(prompt, {
    numInferenceSteps: CHECK_STEPS,
    generator: torch.generator(0),
    useResolutionBinning: false,
  });
  return images[0]?.data ?? new Uint8Array();
}
