import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type {
  CheckState,
  LogPart,
  RunDetails,
  RunLine,
  SampleSet,
  StartPlan,
  Starts,
} from "../../src/studio/api-types.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-starts-"));
const run = join(folder, "work_dirs", "mine");
let studio: TestStudio;

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  studio = await startTestStudio(folder);
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const START = {
  ...{ name: "mine", folder: join(folder, "data"), base: "emoji-demo", goal: "style" },
  minutes: 1,
  overrides: { "stages.0.batchSize": "2", threads: "1" },
};

async function until(isSo: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  const end = Date.now() + 1000 * seconds;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`Expected it within ${seconds} s`);
    await sleep(100);
  }
}

const lineOf = async (): Promise<RunLine | undefined> =>
  (await studio.get<{ runs: RunLine[] }>("/api/runs")).runs.find(({ name }) => name === "mine");

it("says what can be begun", async () => {
  const { bases, goals, recipes, dataRoots } = await studio.get<Starts>("/api/starts");
  expect(bases[0]).toMatchObject({ name: "emoji-small", resolution: 64 });
  expect(goals.map(({ goal }) => goal)).toEqual(["style", "subject", "full"]);
  expect(recipes.some(({ name }) => name === "emoji_demo")).toBe(true);
  expect(dataRoots[0]).toBe(join(folder, "data"));
});

it("looks at a folder of pictures", async () => {
  const { text, status } = await studio.post("/api/data/check", { folder: START.folder });
  expect(status).toBe(202);
  const path = `/api/jobs/${JSON.parse(text).job}`;
  await until(async () => (await studio.get<CheckState>(path)).state !== "running");
  const { state, report, message } = await studio.get<CheckState>(path);
  expect([state, message]).toEqual(["done", null]);
  expect(report).toMatchObject({ pictures: 18, captioned: 18, cut: 0, unreadable: [] });
  expect(report).toMatchObject({ base: "emoji-small", resolution: 64 });
  expect(report?.totals).toMatchObject({ unreadable: 0, tooSmall: 18 });
  expect(report?.shapes).toEqual([{ width: 32, height: 32, pictures: 18 }]);
  expect(report?.tooSmall).toHaveLength(18);
  expect(report?.shown[0]).toMatchObject({ name: "ball-blue.png", width: 32, height: 32 });
});

it("plans a run before it is begun, and makes none", async () => {
  const { status, text } = await studio.post("/api/runs", { ...START, dry: true });
  expect(status).toBe(200);
  const plan = JSON.parse(text) as StartPlan;
  expect(plan.problems).toEqual([]);
  expect(plan.lines[0]).toMatch(/^Plan: 1 stage, \d+ steps in total/);
  expect(plan.memoryBytes).toBeGreaterThan(1e6);
  expect(plan.diskBytes).toBeGreaterThan(1e5);
  expect(plan.steps).toBeGreaterThanOrEqual(20);
  expect(plan.command).toMatch(/^npx pixart finetune emoji-demo .*--goal style --minutes 1/);
  expect(existsSync(run)).toBe(false);
}, 180_000);

it("begins a run that outlives the server, and ends it by a signal that saves", async () => {
  const { status, text } = await studio.post("/api/runs", { ...START, dry: false });
  expect(status).toBe(202);
  const { id } = JSON.parse(text) as { id: string };
  expect(await lineOf()).toMatchObject({ id, state: "running", activity: { what: "starting" } });
  expect((await studio.post("/api/runs", { ...START, dry: false })).status).toBe(409);
  await until(async () => ((await lineOf())?.stage?.step ?? 0) > 0);
  expect((await studio.get<LogPart>(`/api/runs/${id}/log`)).lines.join("\n")).toContain(
    "Plan: 1 stage, ",
  );
  await studio.stop();
  const lines = (): number => readFileSync(join(run, "events.jsonl"), "utf8").split("\n").length;
  const before = lines();
  await until(() => lines() > before + 3);
  studio = await startTestStudio(folder);
  await until(async () => (await lineOf())?.state === "running");
  const details = await studio.get<RunDetails>(`/api/runs/${id}`);
  expect(details.facts?.cwd).toBe(process.cwd());
  expect(details.plan).toMatchObject({ stages: [{ name: "style" }] });
  const drawn = async (): Promise<number> =>
    (await studio.get<{ samples: SampleSet[] }>(`/api/runs/${id}/samples`)).samples.length;
  const [sheets, saved] = [await drawn(), details.checkpoints.length];
  for (const what of ["save", "sample"])
    expect((await studio.post(`/api/runs/${id}/control`, { do: what })).status).toBe(202);
  await until(async () => (await drawn()) > sheets);
  await until(
    async () => (await studio.get<RunDetails>(`/api/runs/${id}`)).checkpoints.length > saved,
  );
  const { samples } = await studio.get<{ samples: SampleSet[] }>(`/api/runs/${id}/samples`);
  expect(samples.at(-1)?.pictures.length).toBeGreaterThan(0);
  expect((await studio.post(`/api/runs/${id}/control`, { do: "stop" })).status).toBe(202);
  await until(async () => (await lineOf())?.state === "stopped");
  expect(JSON.parse(readFileSync(join(run, "recipe.json"), "utf8"))).toMatchObject({
    stages: [{ name: "style", batchSize: 2 }],
  });
  // And goes on from there.
  const step = (await lineOf())?.stage?.step ?? 0;
  expect((await studio.post(`/api/runs/${id}/resume`, {})).status).toBe(202);
  await until(async () => ((await lineOf())?.stage?.step ?? 0) > step);
  expect((await studio.post(`/api/runs/${id}/resume`, {})).status).toBe(409);
  expect((await studio.post(`/api/runs/${id}/control`, { do: "stop" })).status).toBe(202);
  await until(async () => (await lineOf())?.state === "stopped");
  expect((await studio.post(`/api/runs/${id}/control`, { do: "stop" })).status).toBe(409);
}, 300_000);
