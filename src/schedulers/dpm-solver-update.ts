import type { Tensor } from "../torch/index.ts";
import type { Arithmetic } from "./arithmetic.ts";
import type { LogNoiseLevel } from "./noise-level.ts";

/** The integrals that a DPM-Solver solves: of the predicted noise, of the predicted x0, or of x0 with noise added anew. */
export type DPMSolverAlgorithm = "dpmsolver" | "dpmsolver++" | "sde-dpmsolver++";

/** Where a step goes to, where it starts, and where up to two earlier ones started. */
export type DPMSolverLevels = readonly [
  target: LogNoiseLevel,
  source: LogNoiseLevel,
  ...earlier: LogNoiseLevel[],
];

export interface DPMSolverStep {
  readonly algorithmType: DPMSolverAlgorithm;
  readonly solverType: "midpoint" | "heun";
  readonly order: number;
  readonly levels: DPMSolverLevels;
  readonly arithmetic: Arithmetic;
}

/**
 * One multistep update of DPM-Solver (Lu et al. 2022, arXiv 2206.00927) or DPM-Solver++ (arXiv 2211.01095).
 * `predictions` are of the kind that the algorithm integrates, newest first, at least `order` of them.
 */
export function dpmSolverUpdate(
  sample: Tensor,
  predictions: readonly Tensor[],
  step: DPMSolverStep,
  noise?: Tensor,
): Tensor {
  const [m0, m1, m2] = predictions;
  if (m0 === undefined) throw new Error("Expected a prediction for the update but received none");
  const { round: f } = step.arithmetic;
  const [target, source, before, first] = step.levels;
  const weights = updateWeights(step);
  const addNoise = (x: Tensor): Tensor =>
    noise === undefined ? x : x.add(noise.mul(weights.noise));
  const firstOrder = sample.mul(weights.sample).add(m0.mul(weights.value));
  if (m1 === undefined || before === undefined || step.order === 1) return addNoise(firstOrder);

  const h = f(target.lambda - source.lambda);
  const r0 = f(f(source.lambda - before.lambda) / h);
  const slope = m0.sub(m1).mul(f(1 / r0));
  if (m2 === undefined || first === undefined || step.order === 2) {
    const weight = step.solverType === "midpoint" ? weights.midpoint : weights.slope;
    return addNoise(firstOrder.add(slope.mul(weight)));
  }

  const r1 = f(f(before.lambda - first.lambda) / h);
  const bend = slope.sub(m1.sub(m2).mul(f(1 / r1)));
  const d1 = slope.add(bend.mul(f(r0 / f(r0 + r1))));
  const d2 = bend.mul(f(1 / f(r0 + r1)));
  return addNoise(firstOrder.add(d1.mul(weights.slope)).add(d2.mul(weights.bend)));
}

interface UpdateWeights {
  readonly sample: number;
  /** Of the newest prediction. */
  readonly value: number;
  /** Of its first derivative, in the two forms of the second order. */
  readonly midpoint: number;
  readonly slope: number;
  /** Of its second derivative. */
  readonly bend: number;
  readonly noise: number;
}

function updateWeights({ algorithmType, levels, arithmetic }: DPMSolverStep): UpdateWeights {
  const { round: f, exp, sqrt } = arithmetic;
  const [target, source] = levels;
  const h = f(target.lambda - source.lambda);
  switch (algorithmType) {
    case "dpmsolver++": {
      const decay = f(exp(-h) - 1);
      const value = -f(target.alpha * decay);
      return {
        sample: f(target.spread / source.spread),
        value,
        midpoint: f(0.5 * value),
        slope: f(target.alpha * f(f(decay / h) + 1)),
        bend: -f(target.alpha * f(f(f(decay + h) / f(h * h)) - 0.5)),
        noise: 0,
      };
    }
    case "dpmsolver": {
      const growth = f(exp(h) - 1);
      const value = -f(target.spread * growth);
      return {
        sample: f(target.alpha / source.alpha),
        value,
        midpoint: f(0.5 * value),
        slope: -f(target.spread * f(f(growth / h) - 1)),
        bend: -f(target.spread * f(f(f(growth - h) / f(h * h)) - 0.5)),
        noise: 0,
      };
    }
    case "sde-dpmsolver++": {
      const h2 = f(2 * h);
      const loss = f(1 - exp(-h2));
      const value = f(target.alpha * loss);
      return {
        sample: f(f(target.spread / source.spread) * exp(-h)),
        value,
        midpoint: f(0.5 * value),
        slope: f(target.alpha * f(f(loss / -h2) + 1)),
        bend: f(target.alpha * f(f(f(loss - h2) / f(h2 * h2)) - 0.5)),
        noise: f(target.spread * sqrt(loss)),
      };
    }
  }
}
