import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ContinuousDPMSolverScheduler,
  IDDPMScheduler,
  type Scheduler,
} from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("schedulers-paper.py", import.meta.url));
const shape = [2, 4, 2, 2];
const seed = 11;

// Samples and model outputs of a size at which float32 and float64 differ by rounding alone.
const wave = (count: number, phase: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(12.9898 * (i + 1) + phase)));
const outputs = (steps: number, channels: number): number[][] =>
  Array.from({ length: steps }, (_, step) => wave(8 * channels, step + 1));
const sample = wave(32, 0);

const iddpm = [
  [100, "epsilon", "learned_range"],
  [7, "v_prediction", "learned_range"],
  [10, "epsilon", "fixed_large"],
  [10, "sample", "fixed_small"],
  [2, "epsilon", "learned_range"],
].map(([steps, prediction, variance]) => ({
  steps: Number(steps),
  prediction,
  variance,
  seed,
  shape,
  sample,
  outputs: outputs(Number(steps), variance === "learned_range" ? 8 : 4),
}));

const dpmSolver = [
  [20, "epsilon", 2],
  [20, "v_prediction", 3],
  [9, "sample", 3],
  [9, "epsilon", 2],
  [5, "epsilon", 1],
].map(([steps, prediction, order]) => ({
  steps: Number(steps),
  prediction,
  order,
  shape,
  sample,
  outputs: outputs(Number(steps), 4),
}));

interface Run {
  readonly timesteps: number[];
  readonly trajectory: number[][];
}
let answer: { readonly iddpm: Run[]; readonly dpmSolver: Run[] };

beforeAll(async () => {
  answer = (await runPython(script, { iddpm, dpmSolver })) as typeof answer;
});

/** Walks the path, every step from the one before, and gives the largest difference as a part of the largest value there. */
function walk(scheduler: Scheduler, given: readonly number[][], run: Run | undefined): number {
  const generator = torch.generator(seed);
  return torch.tidy(() => {
    let x = torch.tensor([...sample]).reshape(shape);
    let worst = 0;
    for (const [step, timestep] of scheduler.timesteps.entries()) {
      const output = torch.tensor([...(given[step] ?? [])]).reshape([2, -1, 2, 2]);
      x = scheduler.step(output, timestep, x, { generator }).prevSample;
      const theirs = run?.trajectory[step] ?? [];
      const ours = x.toFloat32Array();
      const scale = Math.max(...theirs.map(Math.abs));
      const errors = theirs.map((value, i) => Math.abs((ours[i] ?? Number.NaN) - value) / scale);
      worst = Math.max(worst, ...errors);
    }
    return worst;
  });
}

// At most 8e-7 was measured, from float32 rounding along the path; a wrong term lies far above.
const tolerance = 1e-6;

describe("the samplers of the paper's code against their formulas in float64", () => {
  it.each(iddpm.map((input, index) => ({ ...input, index })))(
    "IDDPM: $steps steps, $prediction, $variance",
    ({ steps, prediction, variance, outputs: given, index }) => {
      const config = { prediction_type: prediction, variance_type: variance };
      using scheduler = IDDPMScheduler.fromConfig(config);
      scheduler.setTimesteps(steps);
      expect(scheduler.timesteps).toEqual(answer.iddpm[index]?.timesteps);
      expect(walk(scheduler, given, answer.iddpm[index])).toBeLessThan(tolerance);
    },
  );

  it.each(dpmSolver.map((input, index) => ({ ...input, index })))(
    "DPM-Solver++ in continuous time: $steps steps, $prediction, order $order",
    ({ steps, prediction, order, outputs: given, index }) => {
      const config = { prediction_type: prediction, solver_order: order };
      using scheduler = ContinuousDPMSolverScheduler.fromConfig(config);
      scheduler.setTimesteps(steps);
      const theirs = answer.dpmSolver[index]?.timesteps ?? [];
      for (const [step, timestep] of scheduler.timesteps.entries()) {
        expect(timestep).toBeCloseTo(theirs[step] ?? Number.NaN, 9);
      }
      expect(walk(scheduler, given, answer.dpmSolver[index])).toBeLessThan(tolerance);
    },
  );
});
