import { expected, InvalidValueError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/**
 * Rows of features of drawn and of real pictures as matrices in float64 (N, D). Throws if either side has fewer than two, which
 * have no variance, or if rows differ in length.
 */
export function featureMatrices(
  generated: readonly Float32Array[],
  references: readonly Float32Array[],
): [generated: Tensor, references: Tensor] {
  const matrices = [
    featureMatrix(generated, "generated"),
    featureMatrix(references, "references"),
  ] as const;
  const [own, other] = matrices.map((matrix) => matrix.size(1));
  if (own !== other) {
    throw expected(`rows of ${other} features`, "generated", `rows of ${own}`);
  }
  return [...matrices];
}

/** Rows of one length as a matrix (N, D); `name` names them in errors. */
function featureMatrix(rows: readonly Float32Array[], name: string): Tensor {
  if (rows.length < 2) {
    throw expected("at least two pictures", name, rows.length);
  }
  const width = rows[0]?.length ?? 0;
  const all = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    if (row.length !== width) {
      throw new InvalidValueError(
        `Expected ${width} features in row ${i} of ${name} but received ${row.length}`,
      );
    }
    all.set(row, i * width);
  }
  return torch.fromTypedArray(all, [rows.length, width]);
}
