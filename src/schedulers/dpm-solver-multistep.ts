import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { type ConfigObject, readConfig, writeConfig } from "../weights/index.ts";
import {
  type DPMSolverMultistepConfig,
  readDPMSolverConfig,
  writeDPMSolverConfig,
} from "./dpm-solver-config.ts";
import { NoiseSchedule } from "./noise-schedule.ts";
import type { Scheduler, SchedulerStep } from "./scheduler.ts";
import {
  karrasSigmas,
  roundHalfToEven,
  spaceTimesteps,
  timestepOfSigma,
} from "./timestep-spacing.ts";

/** What each noise level σ and the step that leaves it amount to, in the form x = α·x0 + s·ε. */
interface SolverTables {
  readonly alpha: Float32Array;
  readonly spread: Float32Array;
  /** λ = ln α − ln s. */
  readonly lambda: Float32Array;
  /** e^(−h) − 1, where h is how far the step raises λ. */
  readonly decay: Float32Array;
}

const FILE = "scheduler_config.json";

// diffusers keeps these scalars in float32: libtorch's functions here, and rounding after each operation
// below, give the same bits.
const f32 = Math.fround;

function solverTables(sigmas: readonly number[]): SolverTables {
  return torch.tidy(() => {
    const sigma = torch.tensor([...sigmas]);
    const alpha = sigma.square().add(1).sqrt().reciprocal();
    const spread = sigma.mul(alpha);
    const lambda = alpha.log().sub(spread.log());
    const rise = lambda.slice(0, 1).sub(lambda.slice(0, 0, sigmas.length - 1));
    return {
      alpha: alpha.toFloat32Array(),
      spread: spread.toFloat32Array(),
      lambda: lambda.toFloat32Array(),
      decay: rise.neg().exp().sub(1).toFloat32Array(),
    };
  });
}

/**
 * DPM-Solver++ multistep: deterministic, first to third order (Lu et al. 2022, arXiv 2211.01095), with the
 * configuration file and the float32 arithmetic of diffusers' class of the same name.
 */
export class DPMSolverMultistepScheduler implements Scheduler {
  readonly className = "DPMSolverMultistepScheduler";
  readonly config: DPMSolverMultistepConfig;
  readonly initNoiseSigma = 1;
  readonly #schedule: NoiseSchedule;
  readonly #trainSigmas: readonly number[];
  #timesteps: readonly number[] = [];
  #sigmas: readonly number[] = [];
  #tables: SolverTables = solverTables([0]);
  #index: number | undefined;
  /** Predictions of x0, newest first: what the higher orders extrapolate from. */
  #history: Tensor[] = [];

  constructor(config: DPMSolverMultistepConfig) {
    this.config = config;
    this.#schedule = NoiseSchedule.float32(config);
    this.#trainSigmas = torch.tidy(() => {
      const acp = torch.tensor([...this.#schedule.alphasCumprod]);
      return Array.from(acp.neg().add(1).div(acp).sqrt().toFloat32Array());
    });
  }

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: Readonly<Record<string, unknown>> = {}): DPMSolverMultistepScheduler {
    return new DPMSolverMultistepScheduler(readDPMSolverConfig(json));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    { subfolder = "" }: { readonly subfolder?: string } = {},
  ): Promise<DPMSolverMultistepScheduler> {
    const path = join(folder, subfolder, FILE);
    const json = readConfig(path);
    try {
      return DPMSolverMultistepScheduler.fromConfig(json);
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }

  get timesteps(): readonly number[] {
    return this.#timesteps;
  }

  /** The noise level before each step, and the one that the last step arrives at. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  /** The fields of `scheduler_config.json`. */
  toConfig(): ConfigObject {
    return writeDPMSolverConfig(this.config);
  }

  async savePretrained(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const config = { _class_name: this.className, ...this.toConfig() };
    await writeConfig(join(folder, FILE), config);
  }

  clone(): DPMSolverMultistepScheduler {
    return new DPMSolverMultistepScheduler(this.config);
  }

  setTimesteps(count: number): void {
    if (!Number.isInteger(count) || count < 1) {
      throw new Error(
        `Expected a positive integer for number of inference steps but received ${count}`,
      );
    }
    this[Symbol.dispose]();
    const trainSigmas = this.#trainSigmas;
    const { lambda } = solverTables(trainSigmas);
    const clipped = lambda.filter((value) => value < this.config.lambdaMinClipped).length;
    let timesteps = spaceTimesteps(count, trainSigmas.length - clipped, this.config);
    let sigmas = timesteps.map((t) => trainSigmas[Math.min(t, trainSigmas.length - 1)] ?? 0);
    if (this.config.useKarrasSigmas) {
      const logSigmas = trainSigmas.map((sigma) => f32(Math.log(sigma)));
      sigmas = karrasSigmas(count, trainSigmas[0] ?? 0, trainSigmas.at(-1) ?? 0);
      timesteps = sigmas.map((sigma) => roundHalfToEven(timestepOfSigma(sigma, logSigmas)));
    }
    const final = this.config.finalSigmasType === "zero" ? 0 : (trainSigmas[0] ?? 0);
    this.#timesteps = timesteps;
    this.#sigmas = [...sigmas, final].map(f32);
    this.#tables = solverTables(this.#sigmas);
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return this.#schedule.addNoise(original, noise, timesteps);
  }

  step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.#locate(timestep);
    const { solverOrder } = this.config;
    const prevSample = torch.tidy(() => {
      const latest = torch.keep(this.#predictOriginal(modelOutput, sample, index));
      this.#history.unshift(latest);
      const order = this.#orderAt(index);
      return this.#update(sample.float(), index, order).to({ dtype: modelOutput.dtype });
    });
    const isLast = index === this.#timesteps.length - 1;
    const spent = this.#history.splice(isLast ? 0 : Math.max(solverOrder - 1, 0));
    for (const prediction of spent) prediction.dispose();
    this.#index = index + 1;
    return { prevSample };
  }

  /** Frees the predictions of earlier steps. */
  [Symbol.dispose](): void {
    for (const prediction of this.#history.splice(0)) prediction.dispose();
    this.#index = undefined;
  }

  #locate(timestep: number): number {
    const { length } = this.#timesteps;
    if (length === 0) throw new Error("Expected setTimesteps to be called before step");
    const index = this.#index ?? this.#timesteps.indexOf(timestep);
    if (index === length) {
      throw new Error(`Expected no more than ${length} steps: call setTimesteps to start again`);
    }
    if (this.#timesteps[index] !== timestep) {
      const expected =
        this.#index === undefined ? "a timestep of the schedule" : this.#timesteps[index];
      throw new Error(`Expected ${expected} for timestep but received ${timestep}`);
    }
    return index;
  }

  #predictOriginal(modelOutput: Tensor, sample: Tensor, index: number): Tensor {
    const { alpha, spread } = this.#level(index);
    switch (this.config.predictionType) {
      case "epsilon":
        return sample.sub(modelOutput.mul(spread)).div(alpha);
      case "v_prediction":
        return sample.mul(alpha).sub(modelOutput.mul(spread));
      case "sample":
        return modelOutput.clone();
    }
  }

  /** The order that is stable here: it grows from 1 and falls back at the end of a short schedule. */
  #orderAt(index: number): number {
    const { solverOrder, lowerOrderFinal, eulerAtFinal, finalSigmasType } = this.config;
    const remaining = this.#timesteps.length - index;
    const short = lowerOrderFinal && this.#timesteps.length < 15;
    const known = Math.min(solverOrder, this.#history.length);
    if (remaining === 1 && (short || eulerAtFinal || finalSigmasType === "zero")) return 1;
    return remaining === 2 && short ? Math.min(known, 2) : known;
  }

  #level(index: number): { alpha: number; spread: number; lambda: number } {
    const { alpha, spread, lambda } = this.#tables;
    return { alpha: alpha[index] ?? 1, spread: spread[index] ?? 0, lambda: lambda[index] ?? 0 };
  }

  #update(sample: Tensor, index: number, order: number): Tensor {
    const [m0, m1, m2] = this.#history;
    if (m0 === undefined) return sample;
    const target = this.#level(index + 1);
    const source = this.#level(index);
    const h = f32(target.lambda - source.lambda);
    const decay = this.#tables.decay[index] ?? 0;
    const firstOrder = sample
      .mul(f32(target.spread / source.spread))
      .sub(m0.mul(f32(target.alpha * decay)));
    if (m1 === undefined || order === 1) return firstOrder;

    const r0 = f32(f32(source.lambda - this.#level(index - 1).lambda) / h);
    const slope = m0.sub(m1).mul(f32(1 / r0));
    const heunWeight = f32(target.alpha * f32(f32(decay / h) + 1));
    if (m2 === undefined || order === 2) {
      return this.config.solverType === "midpoint"
        ? firstOrder.sub(slope.mul(f32(0.5 * f32(target.alpha * decay))))
        : firstOrder.add(slope.mul(heunWeight));
    }

    const r1 = f32(f32(this.#level(index - 1).lambda - this.#level(index - 2).lambda) / h);
    const bend = slope.sub(m1.sub(m2).mul(f32(1 / r1)));
    const d1 = slope.add(bend.mul(f32(r0 / f32(r0 + r1))));
    const d2 = bend.mul(f32(1 / f32(r0 + r1)));
    const curvature = f32(f32(f32(decay + h) / f32(h * h)) - 0.5);
    return firstOrder.add(d1.mul(heunWeight)).sub(d2.mul(f32(target.alpha * curvature)));
  }
}
