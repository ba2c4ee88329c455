import { computed, signal } from "@preact/signals";
import type {
  CheckState,
  Goal,
  StartPlan,
  StartRequest,
  Starts,
} from "../../../src/studio/api-types.ts";
import { getJson, messageOf, postJson } from "../api/request.ts";
import { watchJob } from "../api/watch-job.ts";

/** `GET /folders`. */
export interface FolderPlace {
  readonly path: string;
  readonly parent: string | null;
  readonly folders: readonly string[];
  readonly pictures: number;
}

export const starts = signal<Starts | undefined>(undefined);
export const place = signal<FolderPlace | undefined>(undefined);
export const check = signal<CheckState | undefined>(undefined);
export const plan = signal<StartPlan | undefined>(undefined);
export const problem = signal<string | undefined>(undefined);
export const isAsking = signal(false);

export const goal = signal<Goal>("style");
export const base = signal("");
export const minutes = signal(60);
export const word = signal("");
export const name = signal("");

/** The request, once a folder is selected. */
const request = computed<Omit<StartRequest, "dry"> | undefined>(() => {
  const folder = place.value?.path;
  if (folder === undefined) return undefined;
  return {
    name: name.value,
    folder,
    base: base.value,
    goal: goal.value,
    minutes: minutes.value,
    ...(word.value.trim() !== "" && { word: word.value.trim() }),
  };
});

let turn = 0;

/** Requests what a run can start from, and opens the first data root. */
export async function openNew(): Promise<void> {
  await asking(async () => {
    starts.value = await getJson<Starts>("/starts");
    base.value ||= starts.value.bases[0]?.name ?? "";
    const [root] = starts.value.dataRoots;
    if (place.value === undefined && root !== undefined) await goTo(root);
  });
}

/** Opens a folder, and forgets the results for any other. */
export async function goTo(path: string): Promise<void> {
  await asking(async () => {
    turn += 1;
    check.value = undefined;
    plan.value = undefined;
    place.value = await getJson<FolderPlace>(`/folders?${new URLSearchParams({ path })}`);
    name.value = path.split("/").at(-1) ?? "";
  });
}

/** Chooses what to start from: a folder that was checked for another base is checked again. */
export function chooseBase(chosen: string): void {
  base.value = chosen;
  if (check.value !== undefined) void checkFolder();
}

/** Checks the current folder, and reports the progress. An earlier report on it stays until there is a new one. */
export async function checkFolder(): Promise<void> {
  await asking(async () => {
    turn += 1;
    const own = turn;
    const folder = place.value?.path;
    const { job } = await postJson<{ job: string }>("/data/check", {
      folder,
      ...(base.value !== "" && { base: base.value }),
    });
    await watchJob(
      job,
      () => own === turn,
      (state) => {
        check.value = { ...state, report: state.report ?? check.peek()?.report ?? null };
      },
    );
  });
}

/** Requests what the run would take. */
export async function makePlan(): Promise<void> {
  await asking(async () => {
    plan.value = await postJson<StartPlan>("/runs", { ...request.value, dry: true });
  });
}

/** Starts the run. Returns its id; undefined if it could not be started. */
export async function beginRun(): Promise<string | undefined> {
  let id: string | undefined;
  await asking(async () => {
    ({ id } = await postJson<{ id: string }>("/runs", { ...request.value, dry: false }));
  });
  return id;
}

async function asking(work: () => Promise<void>): Promise<void> {
  isAsking.value = true;
  problem.value = undefined;
  try {
    await work();
  } catch (error) {
    problem.value = messageOf(error);
  } finally {
    isAsking.value = false;
  }
}
