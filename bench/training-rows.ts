/** Both sides of training rows. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import emojiDemo, { alignment } from "../configs/emoji_demo.ts";
import type { Device } from "../src/torch/index.ts";
import { threads } from "./machine.ts";
import type { MeasureOptions } from "./measure.ts";
import { EXAMPLE, type ModelPlace, pipelineModel } from "./models.ts";
import { pixart, runCommand } from "./processes.ts";
import { eachTime, pythonTraining, type Side, type TrainingRequest } from "./sides.ts";
import { captionTokens, makePictures, trainingRun } from "./training-runs.ts";

type Precision = "float32" | "bfloat16";
type Place = ModelPlace & MeasureOptions;

const trains = (place: Place, config: string, options: readonly string[], warm: number): Side =>
  eachTime(() => trainingRun(place.scratch, config, options, warm));

/** What a training of XL/2 is like; on the CPU as it can be there. */
export interface Xl2Training {
  /** A pipeline's folder for 256 px; one with a single layer of T5-XXL, whose width is what matters here, where left out. */
  readonly base?: string;
  readonly device?: Device;
  readonly steps?: number;
  /** Steps at the start that don't count. */
  readonly warm?: number;
  readonly batch?: number;
  readonly checkpointing?: boolean;
}

/** The Pokémon recipe at 256 px on XL/2. */
export async function xl2Training(
  place: Place,
  precision: Precision,
  given: Xl2Training = {},
): Promise<{ readonly theirs: Side; readonly compiled: Side; readonly ours: Side }> {
  const { device = "cpu", steps = 4, warm = 1, batch = 2 } = given;
  const { checkpointing = precision === "bfloat16" } = given;
  const base = given.base ?? (await pipelineModel(place, 1));
  const [data, cache] = [join(place.scratch, "data"), join(place.scratch, "cache")];
  await makePictures(data, 256, Math.max(8, 2 * batch)); // some are held out
  const config = "pixart_alpha_1024_pokemon_blip";
  const options = [
    "--cfg-options",
    `base=${base}`,
    `autoencoder.pretrained=${base}`,
    "autoencoder.subfolder=vae",
    `dataset.folder=${data}`,
    `dataset.cache.folder=${cache}`,
    `device=${device}`,
    `threads=${threads}`,
    "stages.0.resolution=256",
    `stages.0.batchSize=${batch}`,
    `stages.0.steps=${steps}`,
    `stages.0.precision=${precision}`,
    `stages.0.gradientCheckpointing=${checkpointing}`,
    "stages.0.keepCheckpoints=1",
    "stages.0.sampleEvery=null",
    "sampling.prompts=[a fox]",
    "sampling.steps=1",
  ];
  await runCommand(process.execPath, pixart("precompute", config, ...options));
  const request: TrainingRequest = {
    model: "training",
    folder: base,
    threads,
    device,
    dtype: precision,
    side: 32,
    batch,
    tokens: await captionTokens(),
    steps,
    warm,
    clip: 0.01,
    loss: "epsilon",
    checkpointing,
    trainsTextEncoder: false,
    averages: false,
  };
  return {
    theirs: pythonTraining(request),
    compiled: pythonTraining({ ...request, compiled: true }),
    ours: trains(place, config, options, warm),
  };
}

/** The emoji demo's stage that learns captions, from the demo's own model; Python's in float32 and in autocast. */
export async function smallTraining(
  place: Place,
  precision: Precision,
): Promise<{ readonly exact: Side; readonly autocast: Side; readonly ours: Side }> {
  const [steps, warm] = place.tiny ? [6, 2] : [60, 10];
  const data = join(place.scratch, "data");
  await makePictures(data, alignment.resolution, 64);
  const from = (subfolder: string): object => ({ pretrained: EXAMPLE, subfolder });
  const path = join(place.scratch, "config.json");
  const config = {
    ...emojiDemo,
    threads,
    dataset: { folder: data, cache: { folder: join(place.scratch, "cache") } },
    autoencoder: from("vae"),
    tokenizer: { ...from("tokenizer"), maxLength: 64 },
    textEncoder: from("text_encoder"),
    stages: [{ ...alignment, steps, precision, schedule: undefined, sampleEvery: null }],
    sampling: { prompts: ["a fox"], steps: 1 },
  };
  writeFileSync(path, JSON.stringify(config));
  await runCommand(process.execPath, pixart("precompute", path));
  const request: TrainingRequest = {
    model: "training",
    folder: EXAMPLE,
    threads,
    dtype: "float32",
    side: alignment.resolution / 4,
    batch: alignment.batchSize,
    tokens: await captionTokens(),
    steps,
    warm,
    clip: 1,
    loss: "v",
    checkpointing: false,
    trainsTextEncoder: true,
    averages: true,
  };
  return {
    exact: pythonTraining(request),
    autocast: pythonTraining({ ...request, dtype: "bfloat16" }),
    ours: trains(place, path, [], warm),
  };
}
