import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { NoiseSchedule } from "../../src/schedulers/index.ts";
import type { Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";
import {
  gaussianDiffusionLoss,
  noisePredictionLoss,
  type ObjectiveInput,
  type ObjectiveOutput,
} from "../../src/training/objectives/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("objectives.py", import.meta.url));
const schedule = NoiseSchedule.linear();
const timesteps = [0, 1, 5, 100, 500, 900, 999, 0];
const shape = [timesteps.length, 4, 3, 2];

type Loss = (input: ObjectiveInput) => ObjectiveOutput;
type Prediction = "epsilon" | "v_prediction";

interface Case {
  readonly name: string;
  readonly bound: boolean;
  readonly prediction: Prediction;
  readonly gamma: number | null;
  readonly delta?: number | null;
  readonly debiased?: boolean;
}

const cases: readonly Case[] = [
  { name: "the paper's loss", bound: true, prediction: "epsilon", gamma: null },
  { name: "the paper's loss with min-SNR", bound: true, prediction: "epsilon", gamma: 5 },
  { name: "ε", bound: false, prediction: "epsilon", gamma: null },
  { name: "ε with min-SNR", bound: false, prediction: "epsilon", gamma: 5 },
  { name: "v", bound: false, prediction: "v_prediction", gamma: null },
  { name: "v with min-SNR", bound: false, prediction: "v_prediction", gamma: 5 },
  { name: "ε, debiased", bound: false, prediction: "epsilon", gamma: null, debiased: true },
  { name: "v, debiased", bound: false, prediction: "v_prediction", gamma: null, debiased: true },
  { name: "ε by Huber's loss", bound: false, prediction: "epsilon", gamma: null, delta: 0.1 },
  { name: "v by Huber's loss", bound: false, prediction: "v_prediction", gamma: 5, delta: 1 },
];

const lossOf = ({ bound, prediction, gamma, delta = null, debiased = false }: Case): Loss =>
  bound
    ? (input) => gaussianDiffusionLoss(schedule, input, { minSnrGamma: gamma })
    : (input) =>
        noisePredictionLoss(schedule, input, {
          predictionType: prediction,
          minSnrGamma: gamma,
          huberDelta: delta,
          debiased,
        });

/** A model near the truth, as at the end of training: good guesses of ε, variances within the range. */
function makeInput(): { original: Tensor; noise: Tensor; modelOutput: Tensor } {
  const generator = torch.generator(11);
  const original = torch.randn(shape, { generator });
  const noise = torch.randn(shape, { generator });
  const error = torch.randn(shape, { generator }).mul(0.1);
  const variance = torch.rand(shape, { generator }).mul(2).sub(1);
  return { original, noise, modelOutput: torch.cat([noise.add(error), variance], 1) };
}

interface Reference {
  readonly loss: number[];
  readonly parts: Readonly<Record<string, number>>[];
  readonly gradient: number[][];
}

let references: Reference[];

beforeAll(async () => {
  const request = torch.tidy(() => {
    const { original, noise, modelOutput } = makeInput();
    const inputs = {
      original: Array.from(original.toFloat32Array()),
      noise: Array.from(noise.toFloat32Array()),
      modelOutput: Array.from(modelOutput.toFloat32Array()),
    };
    return cases.map((entry) => ({
      delta: null,
      debiased: false,
      ...entry,
      ...inputs,
      shape,
      timesteps,
    }));
  });
  references = (await runPython(script, request)) as Reference[];
});

/** The largest difference, as a part of the largest value. */
function relativeError(ours: ArrayLike<number>, theirs: readonly number[]): number {
  expect(ours.length).toBe(theirs.length);
  const differences = theirs.map((value, i) => Math.abs((ours[i] ?? Number.NaN) - value));
  return Math.max(...differences) / Math.max(...theirs.map(Math.abs));
}

// Float32 against float64: at t = 0 the bound divides by a deviation of a hundredth.
const tolerance = 1e-5;

describe("training losses against the papers' formulas in float64", () => {
  it.each(cases.map((entry, index) => ({ ...entry, index })))("$name", ({ index, ...entry }) => {
    torch.tidy(() => {
      const { original, noise, modelOutput } = makeInput();
      modelOutput.requiresGrad_();
      const { loss, parts } = lossOf(entry)({ modelOutput, original, noise, timesteps });
      torch.backward(loss.sum());
      const { grad } = modelOutput;
      if (grad === undefined) throw new Error("no gradient");
      const gradient = grad.toFloat32Array();
      const rowSize = gradient.length / timesteps.length;
      const reference = references[index];
      for (const [row, t] of timesteps.entries()) {
        const label = `t=${t}`;
        const expectClose = (ours: number | undefined, theirs: number | undefined): void =>
          expect(relativeError([ours ?? Number.NaN], [theirs ?? 0]), label).toBeLessThan(tolerance);
        expectClose(loss.toFloat32Array()[row], reference?.loss[row]);
        for (const [name, value] of Object.entries(reference?.parts[row] ?? {})) {
          expectClose(parts[name]?.toFloat32Array()[row], value);
        }
        const ours = gradient.subarray(row * rowSize, (row + 1) * rowSize);
        const error = relativeError(ours, reference?.gradient[row] ?? []);
        expect(error, `gradient at ${label}`).toBeLessThan(tolerance);
      }
    });
  });
});
