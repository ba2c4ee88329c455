import type { ComparedArm, Comparison } from "./compare.ts";
import { everyPicture, median, rates } from "./curves.ts";
import { LOG_SNRS } from "./measured.ts";
import {
  axes,
  type Box,
  band,
  dot,
  figure,
  line,
  linearScale,
  logScale,
  polyline,
  words,
} from "./svg.ts";

/** The paper's three designs, and which arms leave each out. */
const PANELS: readonly { readonly heading: string; readonly arms: readonly string[] }[] = [
  { heading: "1: training in stages", arms: ["FULL", "A1", "A1-groups", "A2"] },
  { heading: "2: adaLN-single from DiT", arms: ["FULL", "B1", "B2"] },
  { heading: "3: dense captions", arms: ["FULL", "C1", "C2"] },
];
/** Told apart also by those who see fewer colours (Okabe and Ito). */
const COLOURS = ["#222222", "#d55e00", "#0072b2", "#009e73"];
const SIZE = { width: 1320, height: 480 } as const;
const PANEL = { width: 340, gap: 90, left: 70, top: 100, bottom: 390 } as const;

interface Drawn {
  readonly arm: ComparedArm;
  readonly colour: string;
}

function panels(
  { arms }: Comparison,
  drawPanel: (box: Box, drawn: readonly Drawn[]) => string,
): string {
  return PANELS.map(({ heading, arms: names }, i) => {
    const left = PANEL.left + i * (PANEL.width + PANEL.gap);
    const box = { left, top: PANEL.top, right: left + PANEL.width, bottom: PANEL.bottom };
    const drawn = names.flatMap((name, which): Drawn[] => {
      const arm = arms.find((each) => each.name === name);
      return arm === undefined ? [] : [{ arm, colour: COLOURS[which] ?? "#999" }];
    });
    const legend = drawn.map(({ arm, colour }, at) => {
      const before = drawn.slice(0, at).map((each) => each.arm.name.length);
      const x = left + before.reduce((sum, length) => sum + 44 + 8 * length, 0);
      return (
        line([x, 458], [x + 16, 458], colour, 'stroke-width="3"') + words(x + 21, 463, arm.name)
      );
    });
    const title = words(left, 68, heading, { "font-size": 15, "font-weight": "bold" });
    return title + drawPanel(box, drawn) + legend.join("");
  }).join("");
}

const percent = (value: number): string => `${Math.round(100 * value)} %`;

/** Doublings up to a budget. */
const doublings = (budget: number): number[] =>
  Array.from({ length: 6 }, (_, i) => budget / 2 ** i).reverse();

/** How often captions of held-out pairs are chosen, over the operations: median and range of the seeds. */
export function choiceFigure(comparison: Comparison): string {
  const { target, budget } = comparison;
  const body = panels(comparison, (box, drawn) => {
    const ticks = doublings(budget);
    const x = logScale({
      from: budget / 32,
      to: budget,
      start: box.left,
      end: box.right,
      ticks,
      label: (value) => `${Number(value.toPrecision(2))}`,
    });
    const y = linearScale({
      from: 0,
      to: 1,
      start: box.bottom,
      end: box.top,
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
      label: percent,
    });
    const level = (value: number, name: string): string =>
      line([box.left, y.at(value)], [box.right, y.at(value)], "#888", 'stroke-dasharray="5 4"') +
      words(box.left + 4, y.at(value) - 5, name, { fill: "#666", "font-size": 11 });
    const lines = drawn.map(({ arm, colour }) => {
      const each = arm.curves.map((curve) => rates(curve, everyPicture(curve)));
      const places = arm.curves[0]?.tflop ?? [];
      const at = (of: (values: readonly number[]) => number): [number, number][] =>
        places.map((tflop, i) => [x.at(tflop), y.at(of(each.map((own) => own[i] ?? 0)))]);
      return (
        band(
          at((values) => Math.min(...values)),
          at((values) => Math.max(...values)),
          colour,
        ) + polyline(at(median), colour, arm.name === "FULL" ? 3 : 2)
      );
    });
    return (
      axes(box, x, y, { x: "TFLOP counted in training" }) +
      level(1 / 8, "chance") +
      level(target, "target") +
      lines.join("")
    );
  });
  return figure(SIZE, "The right one of 8 captions for pairs never trained on, 64 px", body);
}

/** Errors by noise level at the end, beside FULL's. */
export function errorFigure(comparison: Comparison): string {
  const full = comparison.arms.find(({ name }) => name === "FULL")?.errors ?? [];
  const relative = (errors: readonly number[]): number[] =>
    errors.map((error, level) => error / median(full.map((own) => own[level] ?? Number.NaN)) - 1);
  const all = comparison.arms.flatMap(({ errors }) => errors.flatMap(relative));
  const most = Math.max(0.04, ...all.map(Math.abs).filter(Number.isFinite)) * 1.05;
  const step = Math.floor(50 * most) / 100; // whole percents
  const body = panels(comparison, (box, drawn) => {
    const [from, to] = [LOG_SNRS[0] - 0.5, LOG_SNRS[LOG_SNRS.length - 1] ?? 0];
    const x = linearScale({
      from,
      to: to + 0.5,
      start: box.left,
      end: box.right,
      ticks: LOG_SNRS,
    });
    const y = linearScale({
      from: -most,
      to: most,
      start: box.bottom,
      end: box.top,
      ticks: [-2, -1, 0, 1, 2].map((i) => i * step),
      label: (value) => `${value > 0 ? "+" : ""}${Math.round(100 * value)} %`,
    });
    const lines = drawn.map(({ arm, colour }) => {
      const each = arm.errors.map(relative);
      const dots = each.flatMap((own) =>
        own.map((value, level) => dot([x.at(LOG_SNRS[level] ?? 0), y.at(value)], colour, 2.5)),
      );
      const places = LOG_SNRS.map((snr, level): [number, number] => [
        x.at(snr),
        y.at(median(each.map((own) => own[level] ?? 0))),
      ]);
      return polyline(places, colour, arm.name === "FULL" ? 3 : 2) + dots.join("");
    });
    return axes(box, x, y, { x: "log(α²/σ²): much noise to little" }) + lines.join("");
  });
  return figure(
    SIZE,
    "Error of the picture found under fixed noise, at equal operations, beside FULL's median",
    body,
  );
}

/** Operations to the target beside FULL's: the ratio, its interval, and each seed. */
export function ratioFigure({ arms, budget }: Comparison): string {
  const shown = arms.filter(({ name }) => name !== "FULL");
  const height = 150 + 44 * shown.length;
  const box = { left: 130, top: 80, right: 860, bottom: height - 70 };
  const x = logScale({
    from: 0.5,
    to: 4,
    start: box.left,
    end: box.right,
    ticks: [0.5, 0.7, 1, 1.4, 2, 2.8, 4],
    label: (value) => `${value} ×`,
  });
  const inside = (value: number): number => x.at(Math.min(4, Math.max(0.5, value)));
  const y = linearScale({ from: 0, to: 1, start: box.bottom, end: box.top, ticks: [] });
  const rows = shown.map(({ name, ratio, seedRatios }, i) => {
    const at = box.top + 22 + 44 * i;
    const { value, low, high } = ratio;
    const told = Number.isNaN(value)
      ? "neither gets there"
      : value === Number.POSITIVE_INFINITY
        ? `not within ${budget} TFLOP`
        : `${value.toFixed(2)} ×`;
    const marks = Number.isNaN(value)
      ? ""
      : line([inside(low), at], [inside(high), at], "#0072b2", 'stroke-width="3"') +
        seedRatios
          .filter((each) => !Number.isNaN(each))
          .map((each) => dot([inside(each), at + 11], "#999", 3))
          .join("") +
        `<rect x="${inside(value) - 5}" y="${at - 5}" width="10" height="10" fill="#0072b2"/>`;
    return (
      words(box.left - 16, at + 5, name, { "text-anchor": "end", "font-weight": "bold" }) +
      marks +
      words(box.right + 16, at + 5, told)
    );
  });
  const one = line([x.at(1), box.top], [x.at(1), box.bottom], "#222");
  const body = axes(box, x, y, { x: "operations to the target over FULL's" }) + one + rows.join("");
  return figure(
    { width: 1060, height },
    "What each change costs: operations to the target (square, 95 % interval, dots: seeds)",
    body,
  );
}
