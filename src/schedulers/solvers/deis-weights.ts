import { f32 } from "../noise/arithmetic.ts";

/**
 * The weights of past predictions of the noise in a step of DEIS: integrals from the newest of `points` to `end` of the
 * polynomials in ln ρ that are 1 at one of `points` and 0 at the others (Zhang and Chen 2022, arXiv 2204.13902, eq. 15). In
 * float32, in the order in which diffusers computes them, since they cancel.
 *
 * @param points ρ = s/α of two or three predictions, newest first
 */
export function deisWeights(end: number, points: readonly number[]): number[] {
  const [newest = Number.NaN] = points;
  return points.map((_, i) => {
    // The point itself and then the others, in diffusers' order.
    const [own = Number.NaN, ...others] = [...points.slice(i), ...points.slice(0, i)];
    return f32(antiderivative(end, own, others) - antiderivative(newest, own, others));
  });
}

/** float32's ln x. */
const ln = (x: number): number => f32(Math.log(x));

function antiderivative(t: number, own: number, [c = Number.NaN, d]: readonly number[]): number {
  const [lt, lb, lc] = [ln(t), ln(own), ln(c)];
  if (d === undefined) return f32(f32(t * f32(f32(lt - lc) - 1)) / f32(lb - lc));
  const ld = ln(d);
  const first = f32(lc * f32(f32(ld - lt) + 1));
  const sum = f32(f32(f32(first - f32(ld * lt)) + ld) + f32(lt * lt));
  const numerator = f32(t * f32(f32(sum - f32(2 * lt)) + 2));
  return f32(numerator / f32(f32(lb - lc) * f32(lb - ld)));
}
