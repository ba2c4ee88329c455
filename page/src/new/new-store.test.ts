import { beforeEach, expect, it, vi } from "vitest";
import {
  above,
  beginRun,
  check,
  checkFolder,
  goInto,
  goTo,
  isAsking,
  makePlan,
  minutes,
  name,
  openNew,
  place,
  plan,
  problem,
} from "./new-store.ts";

type Answer = (body: unknown) => object | Promise<object>;

/** What was asked of the server, in order. */
let asked: { readonly path: string; readonly body: unknown }[] = [];
const answers: Record<string, Answer> = {};

beforeEach(() => {
  asked = [];
  answers["/api/runs"] = (body) => ((body as { dry: boolean }).dry ? { steps: 10 } : { id: "r9" });
  answers["/api/data/check"] = () => ({ job: "check_1" });
  answers["/api/jobs/check_1"] = () => ({ state: "done", done: 1, total: 1 });
  vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
    const { pathname, searchParams } = new URL(address, "http://studio");
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    asked.push({ path: pathname, body });
    const path = searchParams.get("path");
    const parent = path === "/data/cat" ? "/data" : null;
    const folder = { path, parent, folders: [], pictures: 3 };
    try {
      return Response.json((await answers[pathname]?.(body)) ?? folder);
    } catch (refusal) {
      return refusal;
    }
  });
});

/** An answer that comes when it is let go. */
function late(): { readonly answer: Answer; readonly letGo: (value: object) => void } {
  let letGo: (value: object) => void = () => {};
  const value = new Promise<object>((resolve) => {
    letGo = resolve;
  });
  return { answer: () => value, letGo };
}

const started = (): unknown =>
  asked.filter(({ path }) => path === "/api/runs").map(({ body }) => body);

it("starts what the plan is for, and has no plan once a field is changed", async () => {
  await goTo("/data/cat");
  minutes.value = 60;
  await makePlan();
  expect(plan.value).toEqual({ steps: 10 });
  minutes.value = 720;
  expect(plan.value).toBeUndefined();
  expect(await beginRun()).toBeUndefined();
  minutes.value = 60;
  expect(plan.value).toEqual({ steps: 10 });
  expect(await beginRun()).toBe("r9");
  expect(started()).toMatchObject([
    { minutes: 60, dry: true },
    { minutes: 60, dry: false, folder: "/data/cat" },
  ]);
});

it("drops a plan of settings or of a folder that were left while it was made", async () => {
  await goTo("/data/cat");
  for (const leave of [
    () => {
      name.value = "another";
    },
    () => goTo("/data/dog"),
    async () => {
      await goTo("/data/dog");
      await goTo("/data/cat"); // its check is gone too
    },
  ]) {
    await goTo("/data/cat");
    const { answer, letGo } = late();
    answers["/api/runs"] = answer;
    const planning = makePlan();
    await leave();
    expect(isAsking.value).toBe(true);
    letGo({ steps: 10 });
    await planning;
    expect([plan.value, isAsking.value]).toEqual([undefined, false]);
  }
});

it("shows the folder that was opened last, and no check of another", async () => {
  await goTo("/data/cat");
  const { answer, letGo } = late();
  answers["/api/jobs/check_1"] = answer;
  const checking = checkFolder();
  await vi.waitFor(() => expect(asked.at(-1)?.path).toBe("/api/jobs/check_1"));
  await goTo("/data/dog");
  letGo({ state: "done", done: 1, total: 1 });
  await checking;
  expect([place.value?.path, check.value]).toEqual(["/data/dog", undefined]);
});

it("shows no progress of a check that the server has forgotten", async () => {
  await goTo("/data/cat");
  let looks = 0;
  answers["/api/jobs/check_1"] = () => {
    looks += 1;
    if (looks === 1) return { state: "running", done: 1, total: 9 };
    const error = { message: "Expected the id of an existing job", code: "job_not_found" };
    return Promise.reject(Response.json({ error }, { status: 404 }));
  };
  await checkFolder();
  expect([looks, check.value, problem.value]).toEqual([
    2,
    undefined,
    "Expected the id of an existing job",
  ]);
});

it("suggests a name that the server accepts", async () => {
  await goTo("/data/Meine Bilder");
  expect(name.value).toBe("Meine-Bilder");
});

it("leads up to the list of data roots where there are several, and into each", async () => {
  const roots = (dataRoots: string[]): void => {
    answers["/api/starts"] = () => ({ bases: [], goals: [], recipes: [], dataRoots });
  };
  roots(["/data"]);
  await openNew();
  await goTo("/data/cat");
  expect(above.value).toBe("/data");
  await goTo("/data");
  expect(above.value).toBeUndefined();
  roots(["/data", "/photos"]);
  await openNew();
  expect(above.value).toBe("");
  await goTo("");
  expect([place.value?.path, above.value, plan.value]).toEqual(["", undefined, undefined]);
  await makePlan();
  expect(started()).toEqual([]);
  await goInto("/photos");
  expect(place.value?.path).toBe("/photos");
  await goInto("fox");
  expect([place.value?.path, name.value]).toEqual(["/photos/fox", "fox"]);
});
