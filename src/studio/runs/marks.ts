import type { EventTail, RareEvent } from "../../training/run-folder/event-tail.ts";
import type { CheckpointLine, Mark } from "../api-types.ts";

/** Maximum number of marks returned: the newest. */
const MOST_MARKS = 500;

/** Marks on the step axis, in chronological order. */
export function marksOf(tail: EventTail, checkpoints: readonly CheckpointLine[]): Mark[] {
  const best = new Set(
    checkpoints.filter(({ isBest }) => isBest).map(({ stage, step }) => `${stage} ${step}`),
  );
  return tail.events.flatMap((event) => markOf(event, best)).slice(-MOST_MARKS);
}

function markOf(event: RareEvent, best: ReadonlySet<string>): Mark[] {
  if (!("step" in event)) return [];
  const { stage, step, time } = event;
  const mark = (kind: Mark["kind"], text: string): Mark[] => [{ kind, stage, step, time, text }];
  switch (event.type) {
    case "warning":
      return mark("warning", event.message);
    case "rollback":
      return mark(
        "rollback",
        `Loss spike at step ${event.spikeStep}: ${Number(event.loss).toPrecision(3)}, ${Number(event.ratio).toPrecision(3)} times the usual; the run went back to step ${step}`,
      );
    case "resume":
      return mark("resume", `Resumed after step ${step}`);
    case "checkpoint":
      return best.has(`${stage} ${step}`)
        ? mark("best", "The best checkpoint by held-out loss")
        : mark("checkpoint", "Saved");
    default:
      return [];
  }
}
