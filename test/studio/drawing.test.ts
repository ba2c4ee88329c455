import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DrawModel, SystemState } from "../../src/studio/api-types.ts";
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

it("refuses what is not offered, and a key that only looks", async () => {
  expect(await draw({ model: "../../etc" })).toEqual({ status: 404, code: "model_not_found" });
  expect((await studio.post("/v1/images/generations", { prompt: "a" }, VIEW_KEY)).status).toBe(403);
});
