import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunLine } from "../../src/studio/api-types.ts";
import { formatEvent, type RunEvent } from "../../src/training/run-folder/events.ts";
import { MADE_STAGE, madeStep, writeMadeRun } from "../fixtures/made-run.ts";
import { CONTROL_KEY, startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { listen, until } from "./heard-events.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-events-"));
const run = join(folder, "work_dirs", "mine");
let studio: TestStudio;
let id = "";

beforeAll(async () => {
  await writeMadeRun(run, { steps: 20, end: null });
  studio = await startTestStudio(folder);
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  id = runs[0]?.id ?? "";
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const lineOf = (data: unknown): RunLine => (data as { readonly line: RunLine }).line;

const append = (...events: readonly RunEvent[]): void =>
  appendFileSync(
    join(run, "events.jsonl"),
    events.map((each) => `${formatEvent(each)}\n`).join(""),
  );

it("tells those who watch a run of its steps, the newest of many, and of all else", async () => {
  const [watching, other] = [await listen(studio, id), await listen(studio, "")];
  const time = "2026-01-02T05:00:00.000Z";
  await until(() => watching.heard.some(({ name }) => name === "drawing"));
  const many = Array.from({ length: 500 }, (_, i) => madeStep(21 + i, time));
  append(...many, { type: "warning", time, stage: MADE_STAGE, step: 520, message: "hot" });
  await until(() => watching.heard.some(({ name, data }) => name === "step" && data.step === 520));
  await until(() =>
    other.heard.some(({ name, data }) => name === "run" && lineOf(data).stage?.step === 520),
  );
  const steps = watching.heard.filter(({ name }) => name === "step");
  expect(steps.length).toBeLessThanOrEqual(4);
  expect(steps.at(-1)?.data).toEqual({
    ...{ id, stage: MADE_STAGE, step: 520, lr: 1e-3 },
    loss: expect.closeTo(1 / 6.2),
    gradNorm: expect.closeTo(1.2),
    imagesPerSecond: 80,
  });
  expect(watching.heard.find(({ name }) => name === "warning")?.data).toMatchObject({
    id,
    message: "hot",
  });
  expect(other.heard.some(({ name }) => name === "step" || name === "warning")).toBe(false);
  watching.close();
  other.close();
});

it("tells that the list has changed", async () => {
  const { heard, close } = await listen(studio, "");
  await writeMadeRun(join(folder, "work_dirs", "another"), { steps: 3 });
  await until(() => heard.some(({ name }) => name === "runs"));
  rmSync(join(folder, "work_dirs", "another"), { recursive: true });
  await until(() => heard.filter(({ name }) => name === "runs").length === 2);
  close();
});

it("refuses more than 32 streams, and has room again when some have gone", async () => {
  const streams = await Promise.all(Array.from({ length: 32 }, () => listen(studio, "")));
  const headers = { "api-key": CONTROL_KEY };
  expect((await studio.ask("/api/events", { headers })).status).toBe(429);
  for (const { close } of streams) close();
  await sleep(200);
  const { heard, close } = await listen(studio, "");
  await until(() => heard.length > 0);
  close();
});
