/** The sides of a comparison: what is started once and run by turns. */
import type { Device, DType } from "../src/torch/index.ts";
import { Worker } from "./processes.ts";

/** What a run took. */
export interface Run {
  readonly seconds: number;
  /** Most resident bytes of its process so far, or of a device's tensors; 0 where nobody looks. */
  readonly peak: number;
}

/** A side that has been started. */
export interface RunningSide {
  /** `turn` counts the runs, and is the same on both sides of a round. */
  run(turn: number): Promise<Run>;
  /** Writes the last output. */
  save?(path: string): Promise<void>;
  /** Of the last output, against a saved one. */
  errorFrom?(path: string): Promise<number>;
  close(): Promise<void>;
}

/** A side of a comparison. The same object in several comparisons is started once. */
export interface Side {
  start(): Promise<RunningSide>;
  /** Whether the first run is not counted. */
  readonly warmsUp: boolean;
}

/** What worker.py and worker.ts are told. */
export interface WorkerRequest {
  /** `training` is for worker.py alone: here `pixart train` does that. `product` is of two square matrices, without a folder. */
  readonly model: "transformer" | "vae" | "t5" | "pipeline" | "product";
  readonly folder: string;
  readonly threads: number;
  /** The CPU where left out. */
  readonly device?: Device;
  readonly dtype?: DType;
  readonly quantize?: "int8";
  /** Whether padding is left out of the caption. */
  readonly trims?: boolean;
  /** torch.compile: with freezing on the CPU, with graphs on a GPU. */
  readonly compiled?: boolean;
  /** Whether the work is recorded as a graph of CUDA and replayed. */
  readonly graph?: boolean;
  /** How often it is done in a run, whose seconds are those of one; once where left out. */
  readonly repeat?: number;
  /** Rows and columns of a `product`'s matrices. */
  readonly side?: number;
  /** Prompt and negative prompt, in which TURN stands for the number of the run. */
  readonly prompts?: readonly string[];
  /** Of drawing. */
  readonly steps?: number;
}

/** What a training loop of PyTorch is told. */
export interface TrainingRequest {
  readonly model: "training";
  /** A pipeline's. */
  readonly folder: string;
  readonly threads: number;
  /** The CPU where left out. */
  readonly device?: Device;
  readonly dtype: DType;
  /** torch.compile. */
  readonly compiled?: boolean;
  /** Of the latents. */
  readonly side: number;
  readonly batch: number;
  readonly tokens: number;
  readonly steps: number;
  /** Steps at the start that don't count. */
  readonly warm: number;
  readonly clip: number;
  readonly loss: "epsilon" | "v";
  readonly checkpointing: boolean;
  readonly trainsTextEncoder: boolean;
  readonly averages: boolean;
}

/** A model that stays loaded. */
export const worker = (language: "python" | "typescript", request: WorkerRequest): Side => ({
  warmsUp: true,
  start: async () => {
    const process = await Worker.start(language, request);
    return {
      run: async (turn) => {
        const { seconds = Number.NaN, peak = process.peak } = await process.ask({ run: turn });
        return { seconds, peak };
      },
      save: async (path) => {
        await process.ask({ save: path });
      },
      errorFrom: async (path) => (await process.ask({ compare: path })).error ?? Number.NaN,
      close: () => process.close(),
    };
  },
});

/** What starts anew in each run, because both sides don't fit into memory or the start is what counts. */
export const eachTime = (run: () => Promise<Run>, warmsUp = false): Side => ({
  warmsUp,
  start: async () => ({ run, close: async () => {} }),
});

/** PyTorch's training loop, a process a run. */
export const pythonTraining = (request: TrainingRequest): Side =>
  eachTime(async () => {
    const process = await Worker.start("python", request);
    try {
      const { seconds = Number.NaN, peak = process.peak } = await process.ask({ run: 0 });
      return { seconds, peak };
    } finally {
      await process.close();
    }
  });
