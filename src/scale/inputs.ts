import { expected, InvalidValueError } from "../errors/index.ts";
import { V100_DAYS_PER_A100_DAY } from "./pixart-alpha.ts";

/** One number that a simulation needs. */
export interface InputFact {
  readonly what: string;
  readonly unit: string;
  readonly default: number;
  /** Source of the default. */
  readonly source: string;
  readonly range: "above 0" | "from 0" | "from 0 to 1" | "whole from 0" | "whole from 1";
}

/** SAM's 10 M pictures took 24 h in LLaVA and 25 h in the autoencoder, on 64 V100 (arXiv 2310.00426). */
const perA100 = (hours: number): number =>
  Math.round(((V100_DAYS_PER_A100_DAY * 10_000_000) / (64 * hours * 3600)) * 100) / 100;

/** The inputs with defaults, and the source of each. */
export const INPUTS = {
  gpusPerNode: {
    what: "GPUs in a machine",
    unit: "",
    default: 8,
    source: "AWS p4d, DGX A100",
    range: "whole from 1",
  },
  mtbfHours: {
    what: "mean hours until one GPU stops the run",
    unit: "h",
    default: 50_000,
    source:
      "Llama 3 (arXiv 2407.21783, section 3.3.4): 419 unexpected stops in 54 days of 16,384 GPUs are 50,677 h",
    range: "above 0",
  },
  checkpointMinutes: {
    what: "minutes of training between two checkpoints",
    unit: "min",
    default: 30,
    source: "no source",
    range: "above 0",
  },
  restartMinutes: {
    what: "minutes from a stop to the next step",
    unit: "min",
    default: 10,
    source: "no source: noticing it, getting a spare machine, reading the checkpoint",
    range: "from 0",
  },
  writeGigabytes: {
    what: "GB per second at which one process writes a checkpoint while the others wait",
    unit: "GB/s",
    default: 1,
    source: "no source",
    range: "above 0",
  },
  keepCheckpoints: {
    what: "checkpoints that are kept",
    unit: "",
    default: 3,
    source: "the default of keepCheckpoints",
    range: "whole from 1",
  },
  straggle: {
    what: "mean delay of a GPU, as a share of a step (exponentially distributed; the slowest GPU decides)",
    unit: "",
    default: 0.01,
    source: "no source; the shape is that of Lee et al., 2018 (arXiv 1512.02673)",
    range: "from 0",
  },
  bandwidth: {
    what: "GB/s between machines, one way",
    unit: "GB/s",
    default: 50,
    source: "AWS p4d: 400 Gb/s per machine, the peak",
    range: "above 0",
  },
  nodeBandwidth: {
    what: "GB/s between the GPUs of a machine, one way",
    unit: "GB/s",
    default: 300,
    source: "A100's NVLink: 600 GB/s both ways, the peak",
    range: "above 0",
  },
  gradientBytes: {
    what: "bytes sent per gradient element",
    unit: "",
    default: 4,
    source: "weights and gradients are float32 in this package",
    range: "above 0",
  },
  overlap: {
    what: "share of the last backward pass that the all-reduce can hide behind",
    unit: "",
    default: 1,
    source: "no source; buckets travel during the pass (arXiv 2006.15704)",
    range: "from 0 to 1",
  },
  captionTokens: {
    what: "tokens kept per caption",
    unit: "",
    default: 120,
    source: "the paper's limit; the cache keeps no padding, so short captions take less",
    range: "whole from 1",
  },
  pictureKilobytes: {
    what: "kB per stored picture",
    unit: "kB",
    default: 300,
    source: "no source: about 0.3 bytes per pixel at 1024 px",
    range: "above 0",
  },
  captionsPerSecond: {
    what: "pictures captioned per second on one GPU",
    unit: "",
    default: perA100(24),
    source: "the paper: SAM in 24 h on 64 V100, times 2.2",
    range: "above 0",
  },
  latentsPerSecond: {
    what: "pictures encoded per second on one GPU",
    unit: "",
    default: perA100(25),
    source:
      "the paper: SAM in 25 h on 64 V100, times 2.2; taken for every resolution, though higher ones are slower",
    range: "above 0",
  },
  runs: {
    what: "simulated runs to average over",
    unit: "",
    default: 20,
    source: "the accuracy wanted",
    range: "whole from 1",
  },
  seed: {
    what: "seed of the random numbers",
    unit: "",
    default: 0,
    source: "arbitrary",
    range: "whole from 0",
  },
} as const satisfies Record<string, InputFact>;

/** Numbers that have a default: see {@link INPUTS}. */
export type ScaleNumbers = { readonly [Name in keyof typeof INPUTS]: number };

/** Options of {@link simulateRun} in addition to the recipe. */
export interface ScaleInputs extends Partial<ScaleNumbers> {
  readonly gpus: number;
  /** Pictures of each captioned data set, instead of the recipe's. */
  readonly pictures?: number;
  /** Total days of one GPU for the recipe's steps, to which all speeds are scaled. */
  readonly gpuDays?: number;
  /** Speed of one GPU in each stage, instead of the recipe's. */
  readonly imagesPerSecond?: readonly number[];
}

const holds: Record<InputFact["range"], (value: number) => boolean> = {
  "above 0": (value) => value > 0,
  "from 0": (value) => value >= 0,
  "from 0 to 1": (value) => value >= 0 && value <= 1,
  "whole from 0": (value) => Number.isSafeInteger(value) && value >= 0,
  "whole from 1": (value) => Number.isSafeInteger(value) && value >= 1,
};

const SAID: Record<InputFact["range"], string> = {
  "above 0": "a number above 0",
  "from 0": "a number from 0",
  "from 0 to 1": "a number from 0 to 1",
  "whole from 0": "a whole number from 0",
  "whole from 1": "a whole number from 1",
};

/** Fills in defaults. Throws InvalidValueError for an invalid number. */
export function fillInputs(inputs: ScaleInputs, stages: number): ScaleInputs & ScaleNumbers {
  const numbers = Object.fromEntries(
    Object.entries(INPUTS).map(([name, fact]) => {
      const value = inputs[name as keyof ScaleNumbers] ?? fact.default;
      requireNumber(name, value, fact.range);
      return [name, value];
    }),
  ) as ScaleNumbers;
  requireNumber("gpus", inputs.gpus, "whole from 1");
  if (inputs.pictures !== undefined) requireNumber("pictures", inputs.pictures, "whole from 1");
  if (inputs.gpuDays !== undefined) requireNumber("gpuDays", inputs.gpuDays, "above 0");
  const { imagesPerSecond } = inputs;
  for (const speed of imagesPerSecond ?? []) requireNumber("imagesPerSecond", speed, "above 0");
  if (imagesPerSecond !== undefined && imagesPerSecond.length !== stages) {
    throw expected(`${stages} numbers, one per stage,`, "imagesPerSecond", imagesPerSecond.length);
  }
  if (imagesPerSecond !== undefined && inputs.gpuDays !== undefined) {
    throw new InvalidValueError("Expected imagesPerSecond or gpuDays but received both");
  }
  return { ...inputs, ...numbers };
}

function requireNumber(name: string, value: number, range: InputFact["range"]): void {
  if (!Number.isFinite(value) || !holds[range](value)) throw expected(SAID[range], name, value);
}
