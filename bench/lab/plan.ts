import { join, resolve } from "node:path";
import {
  type ClassConditionalStageConfig,
  type ParsedConfig,
  resolveConfig,
  type TextToImageStageConfig,
} from "../../src/config/index.ts";
import { AutoencoderKL } from "../../src/models/index.ts";
import {
  type LatentShape,
  MAX_TOKENS,
  operationsOf,
  TEXT_ENCODER,
  TRANSFORMER,
} from "./counted.ts";
import { type Design, type Part, TWENTIETHS } from "./design.ts";
import type { LabOptions } from "./options.ts";
import { dataFolder, type LabData, tokenizerFolder } from "./prepare.ts";

/** As in the demo: at equal operations, many small steps teach more than few large ones. */
const BATCH = 16;
/** Later stages of captions learn at half the rate. */
const LATER_RATE = 0.5;
const WARM_UP = { steps: 50, share: 0.1 } as const;

/** A stage as it is to be run. */
export interface PlannedStage {
  readonly name: string;
  readonly part: Part;
  readonly steps: number;
  /** Steps of a twentieth of the run: between two points at which it can be measured. */
  readonly every: number;
  /** Counted operations of a step. */
  readonly operations: number;
}

/** A run as it is to be run. */
export interface Plan {
  readonly config: ParsedConfig;
  readonly stages: readonly PlannedStage[];
}

/** The shape of an autoencoder's latents. */
export async function latentShape(vae: string): Promise<LatentShape> {
  const model = await AutoencoderKL.fromPretrained(vae);
  const { latentChannels, blockOutChannels } = model.config;
  model.dispose();
  return { channels: latentChannels, factor: 2 ** (blockOutChannels.length - 1) };
}

const stageName = ({ learns, side }: Part): string => `${learns}-${side}`;

/** Turns a design into stages of as many steps as its operations last. */
export function planRun(
  { folder, run, seed }: { readonly folder: string; readonly run: string; readonly seed: number },
  design: Design,
  options: LabOptions,
  latents: LatentShape,
  data: LabData,
): Plan {
  const stages = design.parts.map((part): PlannedStage => {
    const batch = part.changes?.batchSize ?? BATCH;
    const operations = batch * operationsOf(part, design, batch, latents, data);
    const every = Math.max(1, Math.round((options.budget * 1e12) / TWENTIETHS / operations));
    const steps = every * part.twentieths;
    return { name: stageName(part), part, steps, every, operations };
  });
  const first = stages.find(({ part }) => part.learns === "captions");
  const value = {
    name: design.name,
    seed,
    workDir: run,
    device: "cpu",
    threads: options.threads,
    dataset: {
      folder: dataFolder(folder, design.labels),
      denseCaptionProbability: design.dense,
      cache: { folder: join(folder, "cache") },
    },
    autoencoder: { pretrained: resolve(options.vae) },
    tokenizer: { pretrained: tokenizerFolder(folder), maxLength: MAX_TOKENS },
    textEncoder: TEXT_ENCODER,
    transformer: TRANSFORMER,
    stages: stages.map((stage) => stageConfig(stage, stage === first, options)),
    // Runs are judged by what is measured: their own sheets are as small as can be.
    sampling: { prompts: [data.pairs[0]?.text ?? ""], steps: 1, guidanceScale: 1 },
  };
  return { config: resolveConfig(value, "bench/lab"), stages };
}

function stageConfig(
  { name, part, steps, every }: PlannedStage,
  isFirst: boolean,
  { lr, precision }: LabOptions,
): ClassConditionalStageConfig | TextToImageStageConfig {
  const { learns, side } = part;
  const { optimizer: type = "adamw", rate = 1, ema, ...changes } = part.changes ?? {};
  const warmupSteps = Math.min(WARM_UP.steps, Math.floor(WARM_UP.share * steps));
  const ofStage = learns === "classes" || isFirst ? 1 : LATER_RATE;
  const common = {
    name,
    resolution: side,
    batchSize: BATCH,
    steps,
    precision,
    optimizer: { type, lr: lr * rate * ofStage },
    loss: { type: "v" },
    schedule: { type: "cosine", warmupSteps },
    checkpointEvery: every,
    keepCheckpoints: 1000, // all: they are measured when the run is done, and then removed
    keepBest: false,
    sampleEvery: null,
    spikes: null, // what went back would count twice
    ...changes,
  } as const;
  if (learns === "classes")
    return { ...common, kind: "class-conditional", ema: ema ?? { decay: 0.99 } };
  return {
    ...common,
    kind: "text-to-image",
    ema: ema ?? { decay: isFirst ? 0.995 : 0.99 },
    trainTextEncoder: true,
    interpolationScale: side / 32, // tokens keep their places, whatever the side
  };
}
