import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

it("begins a run where one was killed while it measured, but not among anything else", async () => {
  const start = (name: string) => {
    const asked = { name, folder: join(folder, "data"), base: "emoji-demo", goal: "style" };
    return studio.post("/api/runs", { ...asked, minutes: 1, dry: false });
  };
  mkdirSync(join(folder, "work_dirs", "killed", "cache"), { recursive: true });
  expect((await start("killed")).status).toBe(202);
  mkdirSync(join(folder, "work_dirs", "pictures"));
  writeFileSync(join(folder, "work_dirs", "pictures", "a.png"), "");
  writeFileSync(join(folder, "work_dirs", "file"), "");
  for (const name of ["pictures", "file", "stopped"])
    expect((await start(name)).text, name).toContain("name_taken");
});

it("resumes a run once when two ask for it at once", async () => {
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  const id = runs.find(({ name }) => name === "stopped")?.id;
  expect(await twice(`/api/runs/${id}/resume`, {})).toEqual([202, 409]);
});
