import { InternalError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { Arithmetic } from "../noise/arithmetic.ts";
import type { LogNoiseLevel } from "../noise/noise-level.ts";

/** The integrals that a DPM-Solver solves: of the predicted noise or of the predicted x0, with or without new noise. */
export type DPMSolverAlgorithm = "dpmsolver" | "dpmsolver++" | "sde-dpmsolver" | "sde-dpmsolver++";

/** The level a step goes to, the level of the newest prediction, and those of up to two earlier ones. */
export type DPMSolverLevels = readonly [
  target: LogNoiseLevel,
  source: LogNoiseLevel,
  ...earlier: LogNoiseLevel[],
];

export interface DPMSolverStep {
  readonly algorithmType: DPMSolverAlgorithm;
  readonly solverType: "midpoint" | "heun";
  /** Multistep continues from the newest prediction, singlestep starts again from the oldest one it uses. Default "multistep". */
  readonly form?: "multistep" | "singlestep";
  readonly order: number;
  readonly levels: DPMSolverLevels;
  readonly arithmetic: Arithmetic;
}

/**
 * One update of DPM-Solver (Lu et al. 2022, arXiv 2206.00927) or DPM-Solver++ (arXiv 2211.01095). `predictions` are of the
 * kind that the algorithm integrates, newest first, at least `order` of them; `sample` is at the level that the form starts from.
 */
export function dpmSolverUpdate(
  sample: Tensor,
  predictions: readonly Tensor[],
  step: DPMSolverStep,
  noise?: Tensor,
): Tensor {
  const [start, terms] = expansion(predictions, step);
  const weights = updateWeights(step, start);
  const updated = terms.reduce(
    (sum, [name, term]) => sum.add(term.mul(weights[name])),
    sample.mul(weights.sample),
  );
  return noise === undefined ? updated : updated.add(noise.mul(weights.noise));
}

/** A term of the expansion, by the name of its weight. */
type Term = readonly [name: "value" | "midpoint" | "slope" | "bend", term: Tensor];

/** The start of the step, and the terms of the predictions' expansion there. */
function expansion(
  predictions: readonly Tensor[],
  step: DPMSolverStep,
): readonly [start: LogNoiseLevel, terms: readonly Term[]] {
  const [m0, m1, m2] = predictions;
  if (m0 === undefined)
    throw new InternalError("Expected a prediction for the update but received none");
  const { form = "multistep", order, solverType } = step;
  const { round: f } = step.arithmetic;
  const [target, source, before, first] = step.levels;
  if (m1 === undefined || before === undefined || order === 1) return [source, [["value", m0]]];

  const slopeName = solverType === "midpoint" ? "midpoint" : "slope";
  const isSecond = m2 === undefined || first === undefined || order === 2;
  if (form === "singlestep") {
    const start = isSecond ? before : first;
    const h = f(target.lambda - start.lambda);
    const r0 = f(f(source.lambda - start.lambda) / h);
    if (isSecond)
      return [
        start,
        [
          ["value", m1],
          [slopeName, m0.sub(m1).mul(f(1 / r0))],
        ],
      ];
    const r1 = f(f(before.lambda - start.lambda) / h);
    const [near, far] = [m1.sub(m2).mul(f(1 / r1)), m0.sub(m2).mul(f(1 / r0))];
    if (solverType === "midpoint")
      return [
        start,
        [
          ["value", m2],
          ["slope", far],
        ],
      ];
    const apart = f(r0 - r1);
    const slope = near.mul(r0).sub(far.mul(r1)).div(apart);
    const bend = far.sub(near).mul(2).div(apart);
    return [
      start,
      [
        ["value", m2],
        ["slope", slope],
        ["bend", bend],
      ],
    ];
  }

  const h = f(target.lambda - source.lambda);
  const r0 = f(f(source.lambda - before.lambda) / h);
  const slope = m0.sub(m1).mul(f(1 / r0));
  if (isSecond)
    return [
      source,
      [
        ["value", m0],
        [slopeName, slope],
      ],
    ];
  const r1 = f(f(before.lambda - first.lambda) / h);
  const bend = slope.sub(m1.sub(m2).mul(f(1 / r1)));
  const d1 = slope.add(bend.mul(f(r0 / f(r0 + r1))));
  const d2 = bend.mul(f(1 / f(r0 + r1)));
  return [
    source,
    [
      ["value", m0],
      ["slope", d1],
      ["bend", d2],
    ],
  ];
}

interface UpdateWeights {
  readonly sample: number;
  /** Of the prediction at the start. */
  readonly value: number;
  /** Of its first derivative, in the two forms of the second order. */
  readonly midpoint: number;
  readonly slope: number;
  /** Of its second derivative. */
  readonly bend: number;
  readonly noise: number;
}

function updateWeights(
  { algorithmType, levels: [target], arithmetic }: DPMSolverStep,
  start: LogNoiseLevel,
): UpdateWeights {
  const { round: f, exp, sqrt } = arithmetic;
  const h = f(target.lambda - start.lambda);
  switch (algorithmType) {
    case "dpmsolver++": {
      const decay = f(exp(-h) - 1);
      const value = -f(target.alpha * decay);
      return {
        sample: f(target.spread / start.spread),
        value,
        midpoint: f(0.5 * value),
        slope: f(target.alpha * f(f(decay / h) + 1)),
        bend: -f(target.alpha * f(f(f(decay + h) / f(h * h)) - 0.5)),
        noise: 0,
      };
    }
    case "dpmsolver":
    case "sde-dpmsolver": {
      const growth = f(exp(h) - 1);
      // With new noise the integral is twice as long.
      const times = algorithmType === "dpmsolver" ? 1 : 2;
      const value = -f(target.spread * growth) * times;
      return {
        sample: f(target.alpha / start.alpha),
        value,
        midpoint: f(0.5 * value),
        slope: -f(target.spread * f(f(growth / h) - 1)) * times,
        bend: -f(target.spread * f(f(f(growth - h) / f(h * h)) - 0.5)),
        noise: f(target.spread * sqrt(f(exp(f(2 * h)) - 1))),
      };
    }
    case "sde-dpmsolver++": {
      const h2 = f(2 * h);
      const loss = f(1 - exp(-h2));
      const value = f(target.alpha * loss);
      return {
        sample: f(f(target.spread / start.spread) * exp(-h)),
        value,
        midpoint: f(0.5 * value),
        slope: f(target.alpha * f(f(loss / -h2) + 1)),
        bend: f(target.alpha * f(f(f(loss - h2) / f(h2 * h2)) - 0.5)),
        noise: f(target.spread * sqrt(loss)),
      };
    }
  }
}
