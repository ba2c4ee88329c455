import sharp from "sharp";
import { RgbImage } from "../images/index.ts";
import type { CaptionStatistics, ConceptDensity } from "./concept-density.ts";

const WIDTH = 960;
const HEIGHT = 520;
const PLOT = { left: 70, top: 60, width: 860, height: 300 } as const;
const TABLE_TOP = 430;
const COLOURS = { raw: "#e08a1e", dense: "#2f6fb5" } as const;
/** Most bars; with more noun counts, several share a bar. */
const MOST_BARS = 48;

interface Series {
  readonly name: keyof typeof COLOURS;
  readonly density: ConceptDensity;
}

/** A chart of the number of nouns per caption, raw and dense ones side by side, with the paper's counts below. */
export async function densityChart({ raw, dense }: CaptionStatistics): Promise<RgbImage> {
  const series: Series[] = [
    { name: "raw", density: raw },
    ...(dense === null ? [] : [{ name: "dense" as const, density: dense }]),
  ];
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="14" fill="#222">` +
    `<rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="${PLOT.left}" y="34" font-size="18" font-weight="bold">Nouns per caption</text>` +
    legend(series) +
    bars(series) +
    counts(series) +
    `</svg>`;
  const { data, info } = await sharp(Buffer.from(svg))
    .flatten({ background: "#ffffff" })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return new RgbImage(info.width, info.height, data);
}

const legend = (series: readonly Series[]): string =>
  series
    .map(({ name, density }, i) => {
      const x = PLOT.left + PLOT.width - (series.length - i) * 210;
      return (
        `<rect x="${x}" y="22" width="14" height="14" fill="${COLOURS[name]}"/>` +
        `<text x="${x + 20}" y="34">${name}: ${density.nounsPerCaption.toFixed(1)} on average</text>`
      );
    })
    .join("");

/** One group of bars per number of nouns, with the share of captions as height. */
function bars(series: readonly Series[]): string {
  const most = Math.max(1, ...series.map(({ density }) => density.histogram.length));
  const binWidth = Math.ceil(most / MOST_BARS);
  const bins = Math.ceil(most / binWidth);
  const shares = series.map(({ density }) =>
    Array.from({ length: bins }, (_, bin) => {
      const inBin = density.histogram.slice(bin * binWidth, (bin + 1) * binWidth);
      return inBin.reduce((sum, count) => sum + count, 0) / Math.max(1, density.captions);
    }),
  );
  const highest = Math.max(0.01, ...shares.flat());
  const step = PLOT.width / bins;
  const bar = (step * 0.8) / series.length;
  const bottom = PLOT.top + PLOT.height;
  const drawn = series.flatMap(({ name }, which) =>
    (shares[which] ?? []).map((share, bin) => {
      const height = (share / highest) * PLOT.height;
      const x = PLOT.left + bin * step + step * 0.1 + which * bar;
      return `<rect x="${x.toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${bar.toFixed(1)}" height="${height.toFixed(1)}" fill="${COLOURS[name]}"/>`;
    }),
  );
  const every = Math.ceil(bins / 16);
  const labels = Array.from({ length: bins }, (_, bin) => bin)
    .filter((bin) => bin % every === 0)
    .map((bin) => {
      const last = Math.min(most, (bin + 1) * binWidth) - 1;
      const first = bin * binWidth;
      const x = PLOT.left + (bin + 0.5) * step;
      return `<text x="${x.toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${first === last ? first : `${first}–${last}`}</text>`;
    });
  const grid = [0.5, 1].map((part) => {
    const y = bottom - part * PLOT.height;
    return (
      `<line x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${y}" y2="${y}" stroke="#ddd"/>` +
      `<text x="${PLOT.left - 8}" y="${y + 5}" text-anchor="end">${(part * highest * 100).toFixed(0)} %</text>`
    );
  });
  const axis = `<line x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${bottom}" y2="${bottom}" stroke="#222"/>`;
  return [...grid, ...drawn, axis, ...labels].join("");
}

/** The counts as a table, each below its name. */
function counts(series: readonly Series[]): string {
  const columns: readonly (readonly [string, (density: ConceptDensity) => string])[] = [
    ["captions", ({ captions }) => whole(captions)],
    ["vocabulary", ({ vocabulary }) => whole(vocabulary)],
    ["total nouns", ({ nouns }) => whole(nouns)],
    ["distinct (DN)", ({ distinctNouns }) => whole(distinctNouns)],
    ["valid (VN)", ({ validNouns }) => whole(validNouns)],
    ["VN/DN", ({ validShare }) => percent(validShare)],
    ["per caption", ({ nounsPerCaption }) => nounsPerCaption.toFixed(1)],
  ];
  const step = (PLOT.width - 40) / columns.length;
  const cell = (column: number, row: number, text: string): string =>
    `<text x="${(PLOT.left + 40 + (column + 1) * step).toFixed(1)}" y="${TABLE_TOP + row * 30}" text-anchor="end">${text}</text>`;
  return [
    ...columns.map(([title], column) => cell(column, 0, title)),
    ...series.flatMap(({ name, density }, row) => [
      `<text x="${PLOT.left}" y="${TABLE_TOP + (row + 1) * 30}" fill="${COLOURS[name]}" font-weight="bold">${name}</text>`,
      ...columns.map(([, value], column) => cell(column, row + 1, value(density))),
    ]),
  ].join("");
}

/** With commas as thousands separators, on every system. */
export const whole = (value: number): string => value.toLocaleString("en-US");

/** With one decimal, as in the paper. */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
