import type { JSX } from "preact";
import type { ChartLine } from "./chart-line.ts";
import { spreadOut } from "./spread-out.ts";

const MOST_ROWS = 24;

interface ChartTableProps {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly xLabel: string;
  readonly xText: (x: number) => string;
  readonly yText: (y: number) => string;
}

/** A chart's numbers for screen readers, which can't read a canvas. Rows are spread over the whole curve. */
export function ChartTable({ title, lines, xLabel, xText, yText }: ChartTableProps): JSX.Element {
  return (
    <div class="unseen">
      {lines
        .filter((line) => !line.isBackground)
        .map(({ label, x, y }) => (
          <table key={label}>
            <caption>
              {title}: {label}
            </caption>
            <thead>
              <tr>
                <th scope="col">{xLabel}</th>
                <th scope="col">{label}</th>
              </tr>
            </thead>
            <tbody>
              {spreadOut(x.length, MOST_ROWS).map((index) => (
                <tr key={index}>
                  <th scope="row">{xText(x[index] ?? 0)}</th>
                  <td>{yText(y[index] ?? Number.NaN)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
    </div>
  );
}
