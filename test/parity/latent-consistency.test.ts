import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { NoiseSchedule } from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import {
  latentConsistencyLoss,
  type PredictNoise,
} from "../../src/training/objectives/latent-consistency.ts";
import { runPython } from "./python.ts";

const shape = [4, 4, 3, 2];
const weights = { student: 0.6, conditional: 0.5, unconditional: 0.4, target: 0.55 };
const cases = [
  { indices: [0, 1, 25, 49], guidance: 4.5, steps: 50, huber_c: 0.001 },
  { indices: [0, 3, 10, 19], guidance: 0, steps: 20, huber_c: 0.1 },
].map((each, i) => ({
  ...each,
  shape,
  weights,
  original: draw(2 * i),
  noise: draw(2 * i + 1),
}));

function draw(seed: number): number[] {
  const generator = torch.generator(seed);
  return torch.tidy(() => Array.from(torch.randn(shape, { generator }).toFloat32Array()));
}

/** Stands for a network: ε̂ = tanh(w x) (1 + t/1000). */
const network =
  (weight: torch.Tensor | number): PredictNoise =>
  (x, timesteps) =>
    torch.tidy(() => {
      const times = torch.tensor(timesteps.map((t) => 1 + t / 1000)).reshape([-1, 1, 1, 1]);
      return x
        .mul(weight as number)
        .tanh()
        .mul(times);
    });

describe("latentConsistencyLoss", () => {
  let theirs: { loss: number[]; gradient: number }[];
  beforeAll(async () => {
    const script = fileURLToPath(new URL("latent-consistency.py", import.meta.url));
    theirs = (await runPython(script, cases)) as typeof theirs;
  });

  it.each(cases.map((each, i) => [each.steps, i] as const))(
    "is the papers' with a solver of %i steps, gradients too",
    (_, i) => {
      const { indices, guidance, steps, huber_c, original, noise } = cases[i] as (typeof cases)[0];
      torch.tidy(() => {
        const student = torch.tensor(weights.student).requiresGrad_();
        const { loss } = latentConsistencyLoss(
          NoiseSchedule.linear(),
          {
            original: torch.tensor(original).reshape(shape),
            noise: torch.tensor(noise).reshape(shape),
            solverIndices: indices,
          },
          {
            student: network(student),
            teacher: {
              conditional: network(weights.conditional),
              unconditional: network(weights.unconditional),
            },
            target: network(weights.target),
          },
          { guidanceScale: guidance, solverSteps: steps, huberC: huber_c },
        );
        torch.backward(loss.sum());
        const expected = theirs[i];
        for (const [row, value] of (expected?.loss ?? []).entries())
          expect((loss.toFloat32Array()[row] ?? Number.NaN) / value).toBeCloseTo(1, 4);
        expect((student.grad?.item() ?? Number.NaN) / (expected?.gradient ?? 0)).toBeCloseTo(1, 4);
      });
    },
  );
});
