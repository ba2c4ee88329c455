import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DrawModel, SystemState } from "../../src/studio/api-types.ts";
import { writeMadeCheckpoint, writeMadeRun } from "../fixtures/made-run.ts";
import {
  CONTROL_KEY,
  startTestStudio,
  type TestStudio,
  VIEW_KEY,
} from "../fixtures/studio-server.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-draw-"));
let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio(folder);
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const KEY = { "api-key": CONTROL_KEY };
const draw = async (fields: object): Promise<{ status: number; code: string | undefined }> => {
  const body = { prompt: "a fox", steps: 1, ...fields };
  const { status, text } = await studio.post("/v1/images/generations", body);
  return { status, code: JSON.parse(text).error?.code };
};
const loaded = async (): Promise<string[]> =>
  (await studio.get<SystemState>("/api/system")).models
    .filter(({ isLoaded }) => isLoaded)
    .map(({ id }) => id);
const engine = (): number | undefined => studio.server.context.engines[0]?.pid;

it("loads a model when it is first asked for, and no process before", async () => {
  expect([engine(), await loaded()]).toEqual([undefined, []]);
  const { models } = await studio.get<{ models: DrawModel[] }>("/api/models");
  expect(models.map(({ id, schedulers }) => [id, schedulers])).toEqual([
    ["emoji-demo", []],
    ["emoji-small", []],
  ]);
  expect(await studio.get<object>("/ready")).toEqual({ status: "ready", models: [] });
  expect((await draw({ model: "emoji-small" })).status).toBe(200);
  expect(await loaded()).toEqual(["emoji-small"]);
  // None, and OpenAI's names, mean the first.
  for (const model of [undefined, null, "dall-e-3"])
    expect((await draw({ model })).status).toBe(200);
  expect(await loaded()).toEqual(["emoji-small", "emoji-demo"]);
  const known = (await studio.get<{ models: DrawModel[] }>("/api/models")).models;
  expect(known.map(({ schedulers }) => schedulers.length)).toEqual([2, 2]);
});

it("shows what is drawn to whoever asked for it alone, and others how much there is", async () => {
  const { server } = studio;
  const headers = {
    "api-key": CONTROL_KEY,
    "content-type": "application/json",
    prefer: "respond-async",
  };
  const body = JSON.stringify({ prompt: "a secret fox", steps: 100 });
  const sent = { method: "POST", headers, body };
  const { id } = JSON.parse((await studio.ask("/v1/images/generations", sent)).text);
  const shown = (key: string): Promise<SystemState> => studio.get("/api/system", key);
  const [own, other] = [await shown(CONTROL_KEY), await shown(VIEW_KEY)];
  expect([own.queue.map(({ prompt }) => prompt), own.otherJobs]).toEqual([["a secret fox"], 0]);
  expect([other.queue, other.otherJobs]).toEqual([[], 1]);
  await studio.ask(`/v1/jobs/${id}`, { method: "DELETE", headers });
  expect(server.context.running.size).toBe(0);
});

it("loads it once for many who ask at once", async () => {
  const { server } = await startTestStudio(join(folder, "other"));
  const headers = { "api-key": "a-key-that-controls", "content-type": "application/json" };
  const body = JSON.stringify({ prompt: "a fox", steps: 1 });
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      fetch(`${server.url}/v1/images/generations`, { method: "POST", headers, body }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  await server.stop(0);
});

it("knows its models again after the process that draws was killed", async () => {
  const before = engine();
  process.kill(before ?? 0, "SIGKILL");
  expect((await draw({ model: "emoji-small" })).status).toBe(200);
  expect(engine()).not.toBe(before);
});

it("draws with no weights of a run that is gone or was trained again", async () => {
  const run = join(folder, "work_dirs", "mine");
  const write = async (createdAt: string): Promise<string> => {
    rmSync(run, { recursive: true, force: true });
    await writeMadeRun(run, { steps: 5 });
    writeMadeCheckpoint(run, 5, createdAt);
    await studio.get("/api/runs"); // looks for runs where none is known yet
    const { models } = await studio.get<{ models: DrawModel[] }>("/api/models");
    return models.find(({ step }) => step === 5)?.id ?? "";
  };
  const first = await write("2026-01-01T00:00:00.000Z");
  expect((await draw({ model: first })).status).toBe(200);
  const second = await write("2026-01-01T01:00:00.000Z");
  expect(second).not.toBe(first);
  expect((await draw({ model: second })).status).toBe(200);
  expect(await draw({ model: first })).toEqual({ status: 404, code: "model_not_found" });
  expect(await loaded()).toContain(second);
  const { models } = await studio.get<{ models: DrawModel[] }>("/api/models");
  const { data } = await studio.get<{ data: { id: string }[] }>("/v1/models");
  const system = await studio.get<SystemState>("/api/system");
  for (const list of [models, data, system.models])
    expect(list.map(({ id }) => id)).not.toContain(first);
  expect((await studio.ask(`/v1/models/${first}`, { headers: KEY })).status).toBe(404);
});

it("refuses what is not offered, and a key that only looks", async () => {
  expect(await draw({ model: "../../etc" })).toEqual({ status: 404, code: "model_not_found" });
  expect((await studio.post("/v1/images/generations", { prompt: "a" }, VIEW_KEY)).status).toBe(403);
});
