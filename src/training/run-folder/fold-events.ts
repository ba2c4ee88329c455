import type { ResumeEvent, RollbackEvent, RunEvent } from "./events.ts";

/** Events that go back: what was done beyond their step no longer counts. */
export type ReturnEvent = ResumeEvent | RollbackEvent;

/** Whether an event goes back to an earlier step. */
export const isReturn = (event: RunEvent): event is ReturnEvent =>
  event.type === "resume" || event.type === "rollback";

/**
 * Drops what a `resume` or a `rollback` superseded: what was done beyond its step and in later stages, and the end of the run. Where a
 * resumed run does something at its first step once more, the later event counts; of activities the newest does.
 */
export function foldEvents(events: Iterable<RunEvent>): RunEvent[] {
  const kept = new Map<string, RunEvent>();
  let count = 0;
  for (const event of events) {
    if (isReturn(event)) {
      const stages = [...kept.values()].flatMap((each) => ("stage" in each ? each.stage : []));
      const later = laterStages(stages, event.stage);
      for (const [key, earlier] of kept) if (isSuperseded(earlier, event, later)) kept.delete(key);
    }
    const key = keyOf(event) ?? String(count++);
    kept.delete(key);
    kept.set(key, event);
  }
  return [...kept.values()];
}

/** What tells events apart of which only the last counts; undefined where all do. */
export function keyOf(event: RunEvent): string | undefined {
  if (event.type === "activity") return "activity";
  const happensOnce = "step" in event && !isReturn(event) && event.type !== "warning";
  return happensOnce ? `${event.type} ${event.stage} ${event.step}` : undefined;
}

/** The stages that follow one, where they came in this order, however often each is named. */
export function laterStages(stages: Iterable<string>, stage: string): ReadonlySet<string> {
  const all = [...new Set(stages)];
  return new Set(all.slice(all.indexOf(stage) + 1 || all.length));
}

/** Whether going back takes an event away, where these stages came later. */
export const isSuperseded = (
  event: RunEvent,
  { stage, step }: ReturnEvent,
  later: ReadonlySet<string>,
): boolean =>
  "step" in event &&
  (later.has(event.stage) ||
    (event.stage === stage && event.step > step) ||
    event.type === "run-end");
