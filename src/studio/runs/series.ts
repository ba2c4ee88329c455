import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResolvedConfig } from "../../config/index.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import type { Series } from "../api-types.ts";

/** Which of a stage's curves to return. */
export interface SeriesQuery {
  readonly stage: string;
  readonly keys: readonly string[];
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly points: number;
}

/** A stage's curves. For a long run each takes milliseconds, so other work gets its turn in between. */
export async function seriesOf(
  { stages, processes }: Pick<ResolvedConfig, "stages" | "processes">,
  tail: EventTail,
  { stage, keys, from, to, points }: SeriesQuery,
): Promise<Series> {
  const trace = tail.stage(stage);
  const clock = trace.clock(points);
  const config = stages.find(({ name }) => name === stage);
  const range = { from, to, points };
  const curves: Record<string, Series["keys"][string]> = Object.create(null); // keys come from the request
  for (const key of keys) {
    curves[key] = trace.series(key, range);
    await nextTurn();
  }
  return {
    stage,
    keys: curves,
    seconds: clock.seconds,
    secondsAt: clock.steps,
    imagesPerStep:
      config === undefined ? null : config.batchSize * config.gradientAccumulation * processes,
    epochImages: epochImages(tail, stage),
  };
}

/** Pictures per epoch, if the run recorded its plan. */
function epochImages(tail: EventTail, stage: string): number | null {
  const plan: unknown = tail.eventsOf("plan").at(-1)?.plan;
  const stages: unknown = Object(plan).stages;
  if (!Array.isArray(stages)) return null;
  const found: unknown = stages.find((each) => Object(each).name === stage);
  const { pictures } = Object(found);
  return typeof pictures === "number" ? pictures : null;
}
