import uPlot from "uplot";
import { alignedData, type ChartColour, type ChartLine, columnOf, seriesOf } from "./chart-line.ts";
import { extentOf, touchZoom } from "./touch-zoom.ts";
import { valueRange } from "./value-range.ts";

/** The visible part of the x axis. */
export interface Zoom {
  readonly from: number;
  readonly to: number;
}

/** What a plot shows in addition to its lines; read on every draw. */
export interface PlotSettings {
  readonly isLog: boolean;
  readonly isClipped: boolean;
  readonly height: number;
  readonly xText: (x: number) => string;
  readonly yText: (y: number) => string;
  /** Vertical lines at these x: marks pale, the chosen one strong. */
  readonly uprights: readonly { readonly x: number; readonly isChosen: boolean }[];
  readonly zoom: Zoom | undefined;
  readonly syncKey: string | undefined;
}

/** Callbacks of a plot. */
export interface PlotHears {
  readonly onZoom: (zoom: Zoom | undefined) => void;
  readonly onPick: (x: number) => void;
  /** Values of the lines under the pointer; undefined if it is outside. */
  readonly onPoint: (x: number | undefined, values: readonly (number | undefined)[]) => void;
}

const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim();

/** Plots share the pointer's position; zoom is shared through their settings. */
const isMove = (type: string): boolean => type === "mousemove" || type === "mouseleave";

/** Curves on a canvas: uPlot with our colours, marks, touch gestures, and a zoom that stays while data arrive. */
export class Plot {
  readonly #plot: uPlot;
  readonly #hears: PlotHears;
  #lines: readonly ChartLine[];
  #settings: PlotSettings;
  /** Suppresses the callback for zoom that we set ourselves. */
  #isQuiet = false;

  constructor(
    place: HTMLElement,
    lines: readonly ChartLine[],
    settings: PlotSettings,
    hears: PlotHears,
  ) {
    this.#lines = lines;
    this.#settings = settings;
    this.#hears = hears;
    const data = alignedData(lines, settings.isLog);
    this.#plot = new uPlot(this.#options(place.clientWidth), data, place);
    this.#plot.over.addEventListener("click", () => this.#pick());
    this.#showZoom();
  }

  /** Shows new numbers for lines of the same shape. */
  update(lines: readonly ChartLine[], settings: PlotSettings): void {
    const isTaller = settings.height !== this.#settings.height;
    this.#lines = lines;
    this.#settings = settings;
    if (isTaller) this.resize(this.#plot.width);
    this.#quietly(() =>
      this.#plot.setData(alignedData(lines, settings.isLog), settings.zoom === undefined),
    );
    this.#showZoom();
  }

  resize(width: number): void {
    this.#plot.setSize({ width, height: this.#settings.height });
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #showZoom(): void {
    const { zoom } = this.#settings;
    if (zoom === undefined) return;
    this.#quietly(() => this.#plot.setScale("x", { min: zoom.from, max: zoom.to }));
  }

  #quietly(work: () => void): void {
    this.#isQuiet = true;
    this.#plot.batch(work);
    this.#isQuiet = false;
  }

  #options(width: number): uPlot.Options {
    const colour = (name: ChartColour): string => colourOf(name);
    const { series, bands } = seriesOf(this.#lines, colour);
    const axis = {
      stroke: colourOf("text"),
      font: `12px ${getComputedStyle(document.documentElement).fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colourOf("grid"), width: 1 },
    };
    const { syncKey } = this.#settings;
    return {
      width,
      height: this.#settings.height,
      series,
      bands,
      padding: [10, 16, 0, 0],
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, dist: 6 },
        points: { size: 7 },
        ...(syncKey !== undefined && { sync: { key: syncKey, filters: { pub: isMove } } }),
      },
      scales: {
        x: { time: false },
        y: {
          distr: this.#settings.isLog ? 3 : 1,
          range: (u) => this.#yRange(u),
        },
      },
      axes: [
        { ...axis, size: 28, values: (_, splits) => splits.map((x) => this.#settings.xText(x)) },
        { ...axis, size: 52, values: (_, splits) => splits.map((y) => this.#axisText(y)) },
      ],
      plugins: [touchZoom()],
      hooks: {
        setScale: [(u, key) => key === "x" && this.#tellZoom(u)],
        setCursor: [(u) => this.#tellPoint(u)],
        drawAxes: [(u) => this.#drawUprights(u)],
      },
    };
  }

  #axisText(y: number | null): string {
    return y === null ? "" : String(Number(y.toPrecision(3)));
  }

  /** The range of the visible lines; their spread is background. */
  #yRange(u: uPlot): uPlot.Range.MinMax {
    const { min, max } = u.scales.x ?? {};
    const [xs = []] = u.data;
    const values: (number | null | undefined)[] = [];
    for (let line = 0; line < this.#lines.length; line++) {
      const column = u.data[columnOf(this.#lines, line)];
      for (let i = 0; i < xs.length; i++) {
        const x = xs[i] ?? 0;
        if ((min == null || x >= min) && (max == null || x <= max)) values.push(column?.[i]);
      }
    }
    const range = valueRange(values, this.#settings);
    return range === undefined ? [0.1, 1] : [range[0], range[1]];
  }

  #tellZoom(u: uPlot): void {
    const { min, max } = u.scales.x ?? {};
    if (this.#isQuiet || u.status === 0 || min == null || max == null) return;
    const whole = extentOf(u);
    const isAll = min <= whole.min && max >= whole.max;
    const { zoom } = this.#settings;
    if (isAll ? zoom === undefined : zoom?.from === min && zoom.to === max) return;
    this.#hears.onZoom(isAll ? undefined : { from: min, to: max });
  }

  #tellPoint(u: uPlot): void {
    const { idx } = u.cursor;
    if (idx == null || (u.cursor.left ?? -1) < 0) {
      this.#hears.onPoint(undefined, []);
      return;
    }
    const values = this.#lines.map((_, line) => {
      const column = u.data[columnOf(this.#lines, line)] ?? [];
      return nearestNumber(column, idx);
    });
    this.#hears.onPoint(u.data[0]?.[idx], values);
  }

  #pick(): void {
    const { left } = this.#plot.cursor;
    if (left === undefined || left < 0 || this.#plot.select.width > 0) return;
    this.#hears.onPick(this.#plot.posToVal(left, "x"));
  }

  #drawUprights({ ctx, bbox, valToPos }: uPlot): void {
    for (const { x, isChosen } of this.#settings.uprights) {
      const at = Math.round(valToPos.call(this.#plot, x, "x", true));
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      ctx.save();
      ctx.strokeStyle = colourOf(isChosen ? "chosen" : "mark");
      ctx.lineWidth = devicePixelRatio * (isChosen ? 1.5 : 1);
      if (!isChosen) ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.restore();
    }
  }
}

/** The column's value there, or the nearest one before it: lines are measured at different steps. */
function nearestNumber(
  column: ArrayLike<number | null | undefined>,
  from: number,
): number | undefined {
  for (let i = from; i >= 0; i--) {
    const value = column[i];
    if (typeof value === "number") return value;
  }
  return undefined;
}
