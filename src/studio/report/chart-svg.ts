import { escaped } from "../../images/escaped.ts";

/** A curve of a chart. */
export interface ChartLine {
  readonly name: string;
  /** Determines its colour in the report's style sheet, through the class `line-N`. */
  readonly kind: "heldout" | "train" | "step";
  readonly step: readonly number[];
  readonly value: readonly number[];
}

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 64;
const BOTTOM = 28;
const TOP = 12;
const TICKS = 4;

/** Curves over steps as SVG, with axes. Undefined if no curve has two points. */
export function chartSvg(title: string, lines: readonly ChartLine[]): string | undefined {
  const drawn = lines.filter(({ step }) => step.length > 1);
  if (drawn.length === 0) return undefined;
  const steps = spanOf(drawn.flatMap(({ step }) => step));
  const values = spanOf(drawn.flatMap(({ value }) => value));
  const x = (step: number): number =>
    LEFT + ((step - steps.min) / steps.size) * (WIDTH - LEFT - TOP);
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((value - values.min) / values.size) * (HEIGHT - BOTTOM - TOP);
  const paths = drawn.map(({ kind, step, value }) => {
    const points = step.map((each, i) => `${x(each).toFixed(1)},${y(value[i] ?? 0).toFixed(1)}`);
    return `<polyline class="${kind}" points="${points.join(" ")}"/>`;
  });
  const marks = Array.from({ length: TICKS + 1 }, (_, i) => {
    const [step, value] = [steps, values].map(({ min, size }) => min + (i / TICKS) * size);
    const [column, row] = [x(step ?? 0).toFixed(1), y(value ?? 0).toFixed(1)];
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - TOP}" y1="${row}" y2="${row}"/><text x="${LEFT - 6}" y="${Number(row) + 4}" text-anchor="end">${Number((value ?? 0).toPrecision(3))}</text><text x="${column}" y="${HEIGHT - 8}" text-anchor="middle">${Math.round(step ?? 0)}</text>`;
  });
  const legend = drawn.map(({ kind, name }) => `<span class="${kind}">${escaped(name)}</span>`);
  return `<figure><figcaption>${escaped(title)} ${legend.join(" ")}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${marks.join("")}${paths.join("")}</svg></figure>`;
}

function spanOf(values: readonly number[]): { readonly min: number; readonly size: number } {
  const min = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const max = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return { min, size: max - min || 1 };
}
