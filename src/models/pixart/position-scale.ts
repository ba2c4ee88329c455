import { type DType, type Tensor, tidy } from "../../torch/index.ts";

// Shapes: n patches per side of the picture, N = n², D width of the table; D/4 frequencies.

/** Tolerance for a table's values: its rounding. */
const TOLERANCES: Partial<Record<DType, number>> = { float16: 1e-3, bfloat16: 8e-3 };
const FLOAT_TOLERANCE = 1e-4;
/** Scales are round numbers; the table determines this many digits. */
const MOST_DIGITS = 7;

/**
 * The scale that positions were divided by in a position table (1, N, D), such as `positionTable` makes: solved from its first
 * row and checked against its first row and column. Undefined if no scale gives its values.
 */
export function positionScale(table: Tensor, side: number): number | undefined {
  const width = table.size(2);
  const frequencies = width / 4;
  if (!Number.isInteger(frequencies)) return undefined;
  const [columns, rows] = tidy(() => {
    const grid = table.float().reshape([side, side, width]);
    return [grid.select(0, 0), grid.select(1, 0)].map((line) => line.contiguous().toFloat32Array());
  }); // (n, D) each
  if (columns === undefined || rows === undefined) return undefined;
  const value = (line: Float32Array, i: number, channel: number): number =>
    line[i * width + channel] ?? Number.NaN;
  const angleStep = (channel: number): number => 10_000 ** -(channel / frequencies);

  // The lowest frequency determines the whole turns of the next one, and so on up to the highest, which is the most exact.
  const last = side - 1;
  let position = 0;
  for (let channel = frequencies - 1; channel >= 0; channel--) {
    const sine = value(columns, last, channel);
    const cosine = value(columns, last, frequencies + channel);
    const angle = Math.atan2(sine, cosine);
    const turns = Math.round((position * angleStep(channel) - angle) / (2 * Math.PI));
    position = (angle + 2 * Math.PI * turns) / angleStep(channel);
  }
  const solved = last / position;
  if (!(solved > 0 && Number.isFinite(solved))) return undefined;

  const tolerance = TOLERANCES[table.dtype] ?? FLOAT_TOLERANCE;
  const gives = (scale: number): boolean => {
    for (let i = 0; i < side; i++) {
      for (let channel = 0; channel < frequencies; channel++) {
        const angle = (i / scale) * angleStep(channel);
        for (const [part, expected] of [Math.sin(angle), Math.cos(angle)].entries()) {
          const at = part * frequencies + channel;
          const farthest = Math.max(
            Math.abs(value(columns, i, at) - expected),
            Math.abs(value(rows, i, 2 * frequencies + at) - expected),
          );
          if (!(farthest <= tolerance)) return false;
        }
      }
    }
    return true;
  };
  const digits = Array.from({ length: MOST_DIGITS }, (_, i) => i + 1);
  return digits.map((n) => Number(solved.toPrecision(n))).find(gives);
}
