import uPlot from "uplot";

/** Colours of curves, defined for light and dark in `styles/tokens.css`. */
export type ChartColour = "heldout" | "training" | "training-pale" | "other" | "other-pale";

/** One curve. Its points' x ascend. */
export interface ChartLine {
  readonly label: string;
  readonly colour: ChartColour;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Minimum and maximum behind each point; shaded. */
  readonly spread?: { readonly low: readonly number[]; readonly high: readonly number[] };
  readonly look?: "line" | "dashed" | "thin";
  /** Whether to show each point, for short curves. */
  readonly hasPoints?: boolean;
  /** Omitted from legend and table, because another line shows the same. */
  readonly isBackground?: boolean;
}

/** What a plot needs to know about the lines, except their numbers: if it is unchanged, only the numbers are updated. */
export const shapeOf = (lines: readonly ChartLine[]): string =>
  lines
    .map(({ label, colour, look, hasPoints, spread }) =>
      [label, colour, look, hasPoints, spread !== undefined].join(":"),
    )
    .join("|");

/**
 * The columns of all lines on the union of their x, as uPlot takes them: for a line with a spread, low and high precede its own.
 */
export function alignedData(lines: readonly ChartLine[], isLog: boolean): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  const drawable = (values: readonly number[]): (number | null)[] =>
    values.map((value) => (Number.isFinite(value) && (!isLog || value > 0) ? value : null));
  const tables = lines.map(({ x, y, spread }): uPlot.AlignedData => {
    const columns = spread === undefined ? [y] : [spread.low, spread.high, y];
    return [[...x], ...columns.map(drawable)];
  });
  return uPlot.join(tables);
}

/** uPlot's series and shaded bands of the lines, in the order of {@link alignedData}. */
export function seriesOf(
  lines: readonly ChartLine[],
  colour: (name: ChartColour) => string,
): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    const stroke = colour(line.colour);
    if (line.spread !== undefined) {
      const low = series.length;
      const edge: uPlot.Series = { stroke: "transparent", points: { show: false }, spanGaps: true };
      series.push(edge, { ...edge });
      bands.push({ series: [low + 1, low], fill: stroke });
    }
    series.push({
      label: line.label,
      stroke,
      width: line.look === "thin" ? 1 : 2,
      spanGaps: true,
      ...(line.look === "dashed" && { dash: [6, 4] }),
      points: line.hasPoints ? { show: true, size: 6, fill: stroke } : { show: false },
    });
  }
  return { series, bands };
}

/** Index of a line's own column in {@link alignedData}. */
export function columnOf(lines: readonly ChartLine[], index: number): number {
  const before = lines.slice(0, index + 1).filter(({ spread }) => spread !== undefined).length;
  return index + 1 + 2 * before;
}
