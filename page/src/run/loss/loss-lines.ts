import type { Series } from "../../../../src/studio/api-types.ts";
import type { ChartColour, ChartLine } from "../../charts/chart-line.ts";
import { smoothed } from "../../charts/smoothing.ts";
import type { StepAxis } from "../../charts/step-axis.ts";

/** Held-out loss as measured, and the loss of training steps: raw in pale, smoothed in strong. */
export function lossLines(series: Series, axis: StepAxis, smoothing: number): ChartLine[] {
  const { heldout, loss } = series.keys;
  const lines: ChartLine[] = [];
  if (loss !== undefined && loss.step.length > 0) {
    const x = loss.step.map(axis.fromStep);
    const spread = { low: loss.min, high: loss.max };
    const look = "thin" as const;
    const raw = {
      x,
      look,
      y: loss.mean,
      spread,
      colour: "training-pale" as const,
      isBackground: true,
    };
    lines.push({ label: "each step", ...raw });
    lines.push({
      label: "training",
      colour: "training",
      x,
      y: smoothed(loss.mean, smoothing),
      look: "dashed",
    });
  }
  if (heldout !== undefined && heldout.step.length > 0)
    lines.push(measured("held out", "heldout", heldout, axis));
  return lines;
}

/** Held-out and training loss of one timestep band, both measured at validations. */
export function bandLines(series: Series, band: string, axis: StepAxis): ChartLine[] {
  const train = series.keys[`train/${band}`];
  const heldout = series.keys[`heldout/${band}`];
  const lines: ChartLine[] = [];
  if (train !== undefined && train.step.length > 0)
    lines.push({ ...measured("training", "training", train, axis), look: "dashed" });
  if (heldout !== undefined && heldout.step.length > 0)
    lines.push(measured("held out", "heldout", heldout, axis));
  return lines;
}

/** One curve of validations. */
export const measured = (
  label: string,
  colour: ChartColour,
  { step, mean }: Series["keys"][string],
  axis: StepAxis,
): ChartLine => ({
  label,
  colour,
  x: step.map(axis.fromStep),
  y: mean,
  hasPoints: step.length <= 60,
});
