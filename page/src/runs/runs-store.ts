import { computed, effect, signal } from "@preact/signals";
import type { RunLine } from "../../../src/studio/api-types.ts";
import { listen, returns } from "../api/live.ts";
import { getJson, messageOf } from "../api/request.ts";
import { session } from "../session/session.ts";

interface RunList {
  readonly runs: readonly RunLine[];
  readonly roots: readonly string[];
}

/** All runs below the studio's folders, newest first; undefined until loaded. */
export const runList = signal<RunList | undefined>(undefined);
export const runsProblem = signal<string | undefined>(undefined);

/** Whether a run is active, here or on another machine. */
export const goesOn = ({ state }: RunLine): boolean => state === "running" || state === "elsewhere";

export const runningRuns = computed(() => runList.value?.runs.filter(goesOn) ?? []);

/** Requests the list again. */
export async function loadRuns(): Promise<void> {
  try {
    runList.value = await getJson<RunList>("/runs");
    runsProblem.value = undefined;
  } catch (error) {
    runsProblem.value = messageOf(error);
  }
}

listen("runs", () => void loadRuns());
listen("run", ({ id, line }) => {
  const list = runList.peek();
  if (list === undefined) return;
  runList.value = { ...list, runs: list.runs.map((run) => (run.id === id ? line : run)) };
});

// At the start of a session, and whenever the server is back.
effect(() => {
  if (session.value !== undefined && returns.value >= 0) void loadRuns();
});
