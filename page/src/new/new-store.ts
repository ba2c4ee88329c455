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
import { folderName } from "../words/folder-name.ts";

/** `GET /folders`. */
export interface FolderPlace {
  /** Empty for the list of data roots. */
  readonly path: string;
  readonly parent: string | null;
  readonly folders: readonly string[];
  readonly pictures: number;
}

export const starts = signal<Starts | undefined>(undefined);
export const place = signal<FolderPlace | undefined>(undefined);
export const check = signal<CheckState | undefined>(undefined);
export const problem = signal<string | undefined>(undefined);
const asked = signal(0);
/** Whether the server still works on something that was asked of it. */
export const isAsking = computed(() => asked.value > 0);

export const goal = signal<Goal>("style");
export const base = signal("");
export const minutes = signal(60);
export const word = signal("");
export const name = signal("");

/** Where "Up" leads: the folder above or, from one of several data roots, their list. Undefined if nowhere. */
export const above = computed(() => {
  const { value: here } = place;
  if (here === undefined || here.path === "") return undefined;
  const hasOtherRoots = (starts.value?.dataRoots.length ?? 0) > 1;
  return here.parent ?? (hasOtherRoots ? "" : undefined);
});

type WantedRun = Omit<StartRequest, "dry">;

/** The request, once a folder is selected. */
const request = computed<WantedRun | undefined>(() => {
  const folder = place.value?.path;
  if (folder === undefined || folder === "") return undefined;
  return {
    name: name.value,
    folder,
    base: base.value,
    goal: goal.value,
    minutes: minutes.value,
    ...(word.value.trim() !== "" && { word: word.value.trim() }),
  };
});

/** The last plan, and what it is for. */
const made = signal<{ readonly plan: StartPlan; readonly request: WantedRun } | undefined>(
  undefined,
);
/** The plan of the fields as they are; undefined once one has been changed. */
export const plan = computed(() =>
  JSON.stringify(made.value?.request) === JSON.stringify(request.value)
    ? made.value?.plan
    : undefined,
);

/** Increases when a folder is opened or checked: answers for another are dropped. */
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

/** Opens a folder by its name in the current one; in the list of data roots, by its path. */
export async function goInto(folder: string): Promise<void> {
  const here = place.value?.path ?? "";
  await goTo(here === "" ? folder : `${here.replace(/\/$/, "")}/${folder}`);
}

/** Opens a folder, or the list of data roots, and forgets the results for any other. */
export async function goTo(path: string): Promise<void> {
  await asking(async () => {
    turn += 1;
    check.value = undefined;
    const own = turn;
    made.value = undefined;
    const opened = await getJson<FolderPlace>(`/folders?${new URLSearchParams({ path })}`);
    if (own !== turn) return;
    place.value = opened;
    name.value = folderName(path, "pictures");
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
    try {
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
    } catch (error) {
      if (own !== turn) return;
      check.value = undefined; // it was not begun, or the server no longer knows it
      throw error;
    }
  });
}

/** Requests what the run would take. */
export async function makePlan(): Promise<void> {
  await asking(async () => {
    const own = turn;
    const { value: wanted } = request;
    if (wanted === undefined) return;
    const told = await postJson<StartPlan>("/runs", { ...wanted, dry: true });
    if (own === turn) made.value = { plan: told, request: wanted };
  });
}

/** Starts the planned run. Returns its id; undefined if it could not be started. */
export async function beginRun(): Promise<string | undefined> {
  let id: string | undefined;
  await asking(async () => {
    if (plan.value === undefined) return;
    ({ id } = await postJson<{ id: string }>("/runs", { ...made.value?.request, dry: false }));
  });
  return id;
}

async function asking(work: () => Promise<void>): Promise<void> {
  asked.value += 1;
  problem.value = undefined;
  try {
    await work();
  } catch (error) {
    problem.value = messageOf(error);
  } finally {
    asked.value -= 1;
  }
}
