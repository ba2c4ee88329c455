import type { Series } from "../../../src/studio/api-types.ts";
import type { ChartColour, ChartLine } from "../charts/chart-line.ts";
import { stepsThemselves } from "../charts/step-axis.ts";
import { measured } from "../run/loss/loss-lines.ts";

/** One curve of both runs, if they have it. */
export function linesOfBoth(
  key: string,
  a: { readonly name: string; readonly series: Series },
  b: { readonly name: string; readonly series: Series },
): ChartLine[] {
  const sides: (readonly [typeof a, ChartColour])[] = [
    [a, "heldout"],
    [b, "other"],
  ];
  return sides.flatMap(([{ name, series }, colour]) => {
    const columns = series.keys[key];
    return columns === undefined || columns.step.length === 0
      ? []
      : [measured(name, colour, columns, stepsThemselves)];
  });
}
