import type { Series, StreamEvents } from "../../../src/studio/api-types.ts";

type Columns = Series["keys"][string];
type Step = StreamEvents["step"];

const LIVE_KEYS = ["loss", "gradNorm", "lr", "imagesPerSecond"] as const;
const NONE: Columns = { step: [], mean: [], min: [], max: [] };

/**
 * The series with one more step at its end; unchanged if the step belongs to another stage or is already in it. Values that are no
 * numbers are left out, as from the server's series: JSON has null for the loss of a skipped step.
 */
export function withStep(series: Series, step: Step): Series {
  if (step.stage !== series.stage) return series;
  const last = Math.max(...LIVE_KEYS.map((key) => series.keys[key]?.step.at(-1) ?? -1));
  if (step.step <= last) return series;
  const keys: Record<string, Columns> = { ...series.keys };
  for (const key of LIVE_KEYS) {
    const value = step[key];
    if (!Number.isFinite(value)) continue;
    const { step: steps, mean, min, max } = keys[key] ?? NONE;
    keys[key] = {
      step: [...steps, step.step],
      mean: [...mean, value],
      min: [...min, value],
      max: [...max, value],
    };
  }
  return { ...series, keys };
}
