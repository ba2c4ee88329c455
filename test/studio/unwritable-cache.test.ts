import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { RunLine } from "../../src/studio/api-types.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-unwritable-"));
const file = join(folder, "file");
const temporary = join(folder, "temporary");
let studio: TestStudio;

beforeAll(async () => {
  writeFileSync(file, "");
  mkdirSync(temporary);
  await writeTinyDataset(join(folder, "data"));
  await writeMadeRun(join(folder, "work_dirs", "old"), { steps: 5, end: "stopped" });
  studio = await startTestStudio(folder, {
    program: [process.execPath, "-e", 'console.log("preparing")'],
    cacheFolder: join(file, "cache"),
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const start = (name: string) =>
  studio.post("/api/runs", {
    ...{ name, folder: join(folder, "data"), base: "emoji-demo", goal: "style" },
    ...{ minutes: 1, dry: false },
  });
const lines = async (): Promise<RunLine[]> =>
  (await studio.get<{ runs: RunLine[] }>("/api/runs")).runs;

it("says why no run can be started if its output can be written nowhere", async () => {
  vi.stubEnv("TMPDIR", file);
  const id = (await lines())[0]?.id;
  for (const { status, text } of [
    await start("mine"),
    await studio.post(`/api/runs/${id}/resume`, {}),
  ]) {
    expect(status).toBe(409);
    expect(JSON.parse(text).error).toMatchObject({
      code: "not_writable",
      message: expect.stringContaining(file),
    });
  }
});

it("starts runs although the cache folder can't be written", async () => {
  vi.stubEnv("TMPDIR", temporary);
  expect((await start("mine")).status).toBe(202);
  await vi.waitFor(async () =>
    expect((await lines()).find(({ name }) => name === "mine")?.message).toBe("preparing"),
  );
});
