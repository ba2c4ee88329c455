import type { ResumeEvent, RollbackEvent, RunEvent } from "./events.ts";

/** Events that go back: anything done beyond their step is superseded. */
export type ReturnEvent = ResumeEvent | RollbackEvent;

/** Whether an event goes back to an earlier step. */
export const isReturn = (event: RunEvent): event is ReturnEvent =>
  event.type === "resume" || event.type === "rollback";

/**
 * Drops what a `resume` or a `rollback` superseded: events beyond its step and of later stages, and the end of the run. If a
 * resumed run repeats something at its first step, the later event counts; of activities only the newest counts.
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

/** Key of events of which only the last counts; undefined if all count. */
export function keyOf(event: RunEvent): string | undefined {
  if (event.type === "activity") return "activity";
  const happensOnce = "step" in event && !isReturn(event) && event.type !== "warning";
  return happensOnce ? `${event.type} ${event.stage} ${event.step}` : undefined;
}

/** The stages after a given one, in order of first appearance. */
export function laterStages(stages: Iterable<string>, stage: string): ReadonlySet<string> {
  const all = [...new Set(stages)];
  return new Set(all.slice(all.indexOf(stage) + 1 || all.length));
}

/** Whether a return event supersedes an event, given the later stages. */
export const isSuperseded = (
  event: RunEvent,
  { stage, step }: ReturnEvent,
  later: ReadonlySet<string>,
): boolean =>
  "step" in event &&
  (later.has(event.stage) ||
    (event.stage === stage && event.step > step) ||
    event.type === "run-end");
