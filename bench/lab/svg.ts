/** A few shapes of charts as SVG, and SVG as PNG. */
import sharp from "sharp";

/** From values to places in a picture. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  readonly label: (value: number) => string;
}

interface ScaleOptions {
  /** Values at the two ends. */
  readonly from: number;
  readonly to: number;
  /** Places of the two ends. */
  readonly start: number;
  readonly end: number;
  readonly ticks: readonly number[];
  readonly label?: (value: number) => string;
}

/** Equal differences are equally far. */
export function linearScale({ from, to, start, end, ticks, label = String }: ScaleOptions): Scale {
  const at = (value: number): number => start + ((value - from) / (to - from)) * (end - start);
  return { at, ticks, label };
}

/** Equal factors are equally far. */
export function logScale({ from, to, ...rest }: ScaleOptions): Scale {
  const inner = linearScale({ from: Math.log(from), to: Math.log(to), ...rest });
  return { ...inner, at: (value) => inner.at(Math.log(value)) };
}

/** A rectangle to draw in. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const n = (value: number): string => value.toFixed(1).replace(/\.0$/, "");

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Attributes of text, as SVG names them. */
type TextStyle = Readonly<Record<string, string | number>>;

/** Words, their baseline at y. */
export function words(x: number, y: number, text: string, style: TextStyle = {}): string {
  const attributes = Object.entries(style)
    .map(([name, value]) => ` ${name}="${value}"`)
    .join("");
  return `<text x="${n(x)}" y="${n(y)}"${attributes}>${escaped(text)}</text>`;
}

/** A straight line. */
export const line = (
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  stroke: string,
  more = "",
): string =>
  `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${stroke}" ${more}/>`;

type Place = readonly [x: number, y: number];
const path = (places: readonly Place[]): string =>
  places.map(([x, y]) => `${n(x)},${n(y)}`).join(" ");

/** A line through places. */
export const polyline = (places: readonly Place[], stroke: string, width = 2): string =>
  `<polyline points="${path(places)}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linejoin="round"/>`;

/** The area between two lines. */
export const band = (low: readonly Place[], high: readonly Place[], fill: string): string =>
  `<polygon points="${path([...low, ...high.toReversed()])}" fill="${fill}" fill-opacity="0.15"/>`;

/** A filled circle. */
export const dot = ([x, y]: Place, fill: string, radius = 4): string =>
  `<circle cx="${n(x)}" cy="${n(y)}" r="${radius}" fill="${fill}"/>`;

/** Grid, ticks and the names of both axes. */
export function axes(box: Box, x: Scale, y: Scale, names: { x: string; y?: string }): string {
  const { left, top, right, bottom } = box;
  const middle = (left + right) / 2;
  return [
    ...y.ticks.map(
      (tick) =>
        line([left, y.at(tick)], [right, y.at(tick)], "#e4e4e4") +
        words(left - 8, y.at(tick) + 4, y.label(tick), { "text-anchor": "end" }),
    ),
    ...x.ticks.map(
      (tick) =>
        line([x.at(tick), bottom], [x.at(tick), bottom + 5], "#666") +
        words(x.at(tick), bottom + 20, x.label(tick), { "text-anchor": "middle" }),
    ),
    line([left, bottom], [right, bottom], "#666"),
    words(middle, bottom + 42, names.x, { "text-anchor": "middle" }),
    names.y === undefined ? "" : words(left - 40, top - 12, names.y),
  ].join("");
}

/** A whole picture with a heading. */
export const figure = (
  { width, height }: { readonly width: number; readonly height: number },
  heading: string,
  body: string,
): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13" fill="#222">` +
  `<rect width="100%" height="100%" fill="#fff"/>` +
  words(24, 34, heading, { "font-size": 18, "font-weight": "bold" }) +
  `${body}</svg>\n`;

/** A PNG file's picture. */
export const embedded = (box: Box, png: Uint8Array): string =>
  `<image x="${n(box.left)}" y="${n(box.top)}" width="${n(box.right - box.left)}" height="${n(box.bottom - box.top)}" href="data:image/png;base64,${Buffer.from(png).toString("base64")}"/>`;

/** The picture in twice its pixels. */
export const toPng = (svg: string): Promise<Buffer> =>
  sharp(Buffer.from(svg), { density: 144 }).png({ palette: true }).toBuffer();
