import { exp32, f32 } from "../noise/arithmetic.ts";

/**
 * The weights of past predictions in a step of SA-Solver: integrals from `start` to `end` of L_i(λ) times e^{cλ} for predictions
 * of x0, or e^{-λ} for those of the noise. L_i is the Lagrange polynomial that is 1 at the i-th of `points` and 0 at the others
 * (Xue et al. 2023, arXiv 2309.05019, eq. 14 and 18). In float32, in the order in which diffusers computes them, since they
 * cancel.
 *
 * @param c 1 + τ², where τ is the amount of added noise; undefined for predictions of the noise
 */
export function exponentialWeights(
  points: readonly number[],
  start: number,
  end: number,
  c: number | undefined,
): number[] {
  const order = points.length;
  const integrals = points.map((_, power) =>
    c === undefined ? fallingIntegral(power, start, end) : risingIntegral(power, start, end, c),
  );
  return points.map((_, i) =>
    lagrange(points, i).reduce((sum, coefficient, j) => {
      return f32(sum + f32(coefficient * (integrals[order - 1 - j] ?? Number.NaN)));
    }, 0),
  );
}

/** ∫ e^{cλ}·λ^k from `start` to `end`. */
function risingIntegral(power: number, start: number, end: number, c: number): number {
  const antiderivative = rising[power] ?? (() => Number.NaN);
  const [u, v] = [f32(c * start), f32(c * end)];
  const fall = exp32(-f32(v - u));
  const difference = f32(antiderivative(v) - f32(antiderivative(u) * fall));
  return f32(f32(exp32(v) * difference) / c ** (power + 1));
}

/** ∫ e^{-λ}·λ^k from `start` to `end`. */
function fallingIntegral(power: number, start: number, end: number): number {
  const antiderivative = falling[power] ?? (() => Number.NaN);
  const growth = exp32(f32(end - start));
  return f32(exp32(-end) * f32(f32(antiderivative(start) * growth) - antiderivative(end)));
}

/** P_k of ∫ e^u·u^k du = e^u·P_k(u), for k from 0. */
const rising: readonly ((u: number) => number)[] = [
  () => 1,
  (u) => f32(u - 1),
  (u) => f32(f32(f32(u * u) - f32(2 * u)) + 2),
  (u) => {
    const square = f32(u * u);
    return f32(f32(f32(f32(square * u) - f32(3 * square)) + f32(6 * u)) - 6);
  },
];

/** P_k of ∫ e^{-u}·u^k du = -e^{-u}·P_k(u), for k from 0. */
const falling: readonly ((u: number) => number)[] = [
  () => 1,
  (u) => f32(u + 1),
  (u) => f32(f32(f32(u * u) + f32(2 * u)) + 2),
  (u) => {
    const square = f32(u * u);
    return f32(f32(f32(f32(square * u) + f32(3 * square)) + f32(6 * u)) + 6);
  },
];

/** Coefficients, highest power first, of the polynomial that is 1 at points[at] and 0 at the others. */
function lagrange(points: readonly number[], at: number): number[] {
  const here = points[at] ?? Number.NaN;
  let coefficients = [1];
  let denominator = 1;
  for (const [index, point] of points.entries()) {
    if (index === at) continue;
    denominator = f32(denominator * f32(here - point));
    const shifted = coefficients.map((coefficient) => f32(-coefficient * point));
    coefficients = [...coefficients, 0].map((value, i) => f32(value + (shifted[i - 1] ?? 0)));
  }
  return coefficients.map((coefficient) => f32(coefficient / denominator));
}

/** The direction of a step: on from the newest prediction, or again to where that one was made. */
export type SAKind = "predictor" | "corrector";

/** What order 2 shifts from the weight of the second point to that of the first, as in the authors' code. */
export function secondOrderShift(
  kind: SAKind,
  start: number,
  end: number,
  before: number,
  c: number,
): number {
  const h = f32(end - start);
  const rest = f32(f32(f32(h * c) - 1) + exp32(f32(c * -h)));
  const scale = exp32(f32(c * end));
  return kind === "predictor"
    ? f32(f32(scale * f32(f32(f32(h * h) / 2) - f32(rest / c ** 2))) / f32(start - before))
    : f32(scale * f32(f32(h / 2) - f32(rest / f32(c ** 2 * h))));
}
