import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunLine } from "../../src/studio/api-types.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-two-"));
let studio: TestStudio;

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  await writeMadeRun(join(folder, "work_dirs", "stopped"), { steps: 5, end: "stopped" });
  studio = await startTestStudio(folder, {
    program: [process.execPath, "-e", "setTimeout(() => {}, 3000)"],
  });
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const twice = async (path: string, body: unknown): Promise<number[]> =>
  (await Promise.all([1, 2].map(() => studio.post(path, body)))).map(({ status }) => status).sort();

it("begins one run of a name that two ask for at once", async () => {
  const asked = {
    ...{ name: "mine", folder: join(folder, "data"), base: "emoji-demo", goal: "style" },
    ...{ minutes: 1, dry: false },
  };
  expect(await twice("/api/runs", asked)).toEqual([202, 409]);
});

it("resumes a run once when two ask for it at once", async () => {
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  const id = runs.find(({ name }) => name === "stopped")?.id;
  expect(await twice(`/api/runs/${id}/resume`, {})).toEqual([202, 409]);
});
