import type { ResolvedConfig } from "../../config/index.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { currentStage } from "../../training/run-folder/stage-progress.ts";
import type { RunLine, RunState } from "../api-types.ts";
import { sheetAddress } from "./addresses.ts";
import type { RunProcess } from "./run-process.ts";
import type { RunPlace } from "./run-table.ts";
import { secondsLeft, stageStates } from "./stage-state.ts";

/** The data behind a run's line. */
export interface RunFindings {
  readonly place: RunPlace;
  readonly config: Pick<ResolvedConfig, "stages">;
  readonly tail: EventTail;
  /** The process that writes it. */
  readonly process: RunProcess | undefined;
}

/** Summarizes a run in one line. */
export function runLine({ place, config, tail, process }: RunFindings): RunLine {
  const all = stageStates(config, tail);
  const sample = tail.eventsOf("sample").at(-1);
  const end = tail.eventsOf("run-end").at(-1);
  const { activity } = tail;
  const isAtWork = process !== undefined;
  const { done = null, total = null } = activity ?? {};
  return {
    id: place.id,
    name: place.name,
    ...stateOf(tail, process),
    begun: tail.events[0]?.time ?? null,
    ended: isAtWork ? null : (end?.time ?? tail.newest ?? null),
    stage: currentStage(all) ?? null,
    stages: config.stages.length,
    activity:
      isAtWork && activity !== undefined
        ? { what: activity.what, done, total, since: activity.time }
        : null,
    secondsLeft: isAtWork ? secondsLeft(config, all, tail) : null,
    sheet: sample === undefined ? null : sheetAddress(place.id, sample),
  };
}

function stateOf(
  tail: EventTail,
  process: RunProcess | undefined,
): { readonly state: RunState; readonly message: string | null } {
  if (process?.isHere) return { state: "running", message: null };
  if (process !== undefined) {
    const { pid, host } = process;
    const message = pid === null ? `a process on ${host}` : `process ${pid} on ${host}`;
    return { state: "elsewhere", message };
  }
  const end = tail.eventsOf("run-end").at(-1);
  if (end !== undefined) return { state: end.reason, message: end.message };
  return { state: "interrupted", message: "Its process ended without saying why" };
}

/** Values for a run without events. */
export const NOTHING_KNOWN: Pick<
  RunLine,
  "begun" | "ended" | "stage" | "stages" | "activity" | "secondsLeft" | "sheet"
> = {
  begun: null,
  ended: null,
  stage: null,
  stages: 0,
  activity: null,
  secondsLeft: null,
  sheet: null,
};

/** The line of a run that can't be read, with the reason. */
export const unreadableLine = ({ id, name }: RunPlace, error: unknown): RunLine => ({
  id,
  name,
  state: "unreadable",
  message: reasonOf(error),
  ...NOTHING_KNOWN,
});

/** Why something could not be read, in one line. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, "; ") : String(error);
