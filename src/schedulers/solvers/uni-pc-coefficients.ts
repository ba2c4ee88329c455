import * as torch from "../../torch/index.ts";
import { expm132, f32 } from "../noise/arithmetic.ts";

/** The terms that UniPC adds to the first-order step: their strength, and the weights of the slopes to earlier predictions. */
export interface UniPCCoefficients {
  /** e^hh − 1, the weight of the newest prediction in the first-order step. */
  readonly firstOrder: number;
  /** B(h), the weight of the sum of slopes. */
  readonly scale: number;
  /** One per slope; the corrector's last one is that to the prediction at the target. */
  readonly slopes: readonly number[];
}

/**
 * The coefficients of UniP and UniC (Zhao et al. 2023, arXiv 2302.04867, eq. 5 and 9), in float32 like those of diffusers.
 *
 * @param hh     the rise of λ, negative when x0 is predicted
 * @param ratios positions of the earlier predictions, as fractions of the step; negative
 */
export function uniPCCoefficients(
  hh: number,
  ratios: readonly number[],
  solverType: "bh1" | "bh2",
  kind: "predictor" | "corrector",
): UniPCCoefficients {
  const firstOrder = expm132(hh);
  const scale = solverType === "bh1" ? hh : firstOrder;
  const order = ratios.length + 1;
  const points = [...ratios, 1];
  const rows: number[][] = [];
  const values: number[] = [];
  let phi = f32(f32(firstOrder / hh) - 1);
  let factorial = 1;
  for (let i = 1; i <= order; i++) {
    rows.push(points.map((point) => f32(point ** (i - 1))));
    values.push(f32(f32(phi * factorial) / scale));
    factorial *= i + 1;
    phi = f32(f32(phi / hh) - f32(1 / factorial));
  }
  // The paper simplifies the lowest orders.
  if (kind === "corrector") {
    const slopes = order === 1 ? [0.5] : solve(rows, values);
    return { firstOrder, scale, slopes };
  }
  const known = order - 1;
  const slopes =
    known === 0
      ? []
      : known === 1
        ? [0.5]
        : solve(
            rows.slice(0, known).map((row) => row.slice(0, known)),
            values.slice(0, known),
          );
  return { firstOrder, scale, slopes };
}

/** Solves rows·x = values in float32. */
const solve = (rows: number[][], values: number[]): number[] =>
  torch.tidy(() =>
    Array.from(torch.linalgSolve(torch.tensor(rows), torch.tensor(values)).toFloat32Array()),
  );
