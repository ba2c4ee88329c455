import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { paints } from "../shell/theme.ts";
import { type ChartLine, shapeOf } from "./chart-line.ts";
import { ChartTable } from "./chart-table.tsx";
import { Plot, type PlotHears, type PlotSettings } from "./plot.ts";

interface ChartProps extends Partial<PlotSettings> {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly height: number;
  readonly xLabel: string;
  readonly xText: (x: number) => string;
  readonly yText: (y: number) => string;
  readonly onZoom?: PlotHears["onZoom"];
  readonly onPick?: PlotHears["onPick"];
  /** Small charts have no legend, because the large one next to them has. */
  readonly hasLegend?: boolean;
}

interface Pointed {
  readonly x: number | undefined;
  readonly values: readonly (number | undefined)[];
}

const NOWHERE: Pointed = { x: undefined, values: [] };

/** Curves with a legend that shows the values under the pointer, and the same as a table for screen readers. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, lines, hasLegend = true, xLabel, xText, yText } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot>(undefined);
  const newest = useRef(props);
  newest.current = props;
  const pointed = useSignal<Pointed>(NOWHERE);
  const settings: PlotSettings = {
    isLog: false,
    isClipped: false,
    uprights: [],
    zoom: undefined,
    syncKey: undefined,
    ...props,
  };
  const shape = `${shapeOf(lines)} ${settings.isLog} ${paints.value}`;

  useEffect(() => {
    const { current: element } = place;
    if (element === null) return;
    const made = new Plot(element, lines, settings, {
      onZoom: (zoom) => newest.current.onZoom?.(zoom),
      onPick: (x) => newest.current.onPick?.(x),
      onPoint: (x, values) => {
        pointed.value = x === undefined ? NOWHERE : { x, values };
      },
    });
    plot.current = made;
    const observer = new ResizeObserver(() => made.resize(element.clientWidth));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  useEffect(() => plot.current?.update(lines, settings));

  return (
    <figure class="chart" aria-label={title}>
      {hasLegend && (
        <Legend lines={lines} pointed={pointed} xLabel={xLabel} xText={xText} yText={yText} />
      )}
      <div ref={place} class="plot" aria-hidden="true" />
      <ChartTable title={title} lines={lines} xLabel={xLabel} xText={xText} yText={yText} />
    </figure>
  );
}

interface LegendProps extends Pick<ChartProps, "lines" | "xLabel" | "xText" | "yText"> {
  /** Only read here, so that the plot isn't updated when the pointer moves. */
  readonly pointed: Signal<Pointed>;
}

/** The name of each colour, with its newest value or the one under the pointer. */
function Legend({ lines, pointed, xLabel, xText, yText }: LegendProps): JSX.Element {
  const { x, values } = pointed.value;
  return (
    <figcaption class="legend">
      {lines.map((line, index) => {
        if (line.isBackground) return null;
        const value = x === undefined ? line.y.at(-1) : values[index];
        return (
          <span key={line.label} class={`key ${line.colour} ${line.look ?? "line"}`}>
            {line.label} <b>{value === undefined ? "–" : yText(value)}</b>
          </span>
        );
      })}
      <span class="at">{x === undefined ? "newest" : `${xLabel} ${xText(x)}`}</span>
    </figcaption>
  );
}
