import { readFileSync } from "node:fs";

/** Milliseconds of a clock tick as Linux reports it to programs. */
export const TICK_MS = 10;

/**
 * Fields of `/proc/PLACE/stat` from the state on, the third (proc_pid_stat(5)); undefined without such a process. `place` is a
 * process's id, or `PID/task/TID` of a thread.
 */
export function processStat(place: string | number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${place}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name in brackets may contain anything
  } catch {
    return undefined; // has ended, or the system has no /proc
  }
}

/** Computing time of a process or thread in clock ticks, its own and the system's for it. */
export function computingTicks(place: string | number): number | undefined {
  const fields = processStat(place);
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isFinite(ticks) ? ticks : undefined;
}
