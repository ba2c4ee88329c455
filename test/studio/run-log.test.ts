import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { LogPart } from "../../src/studio/api-types.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-log-"));
const run = join(folder, "work_dirs", "mine");
let studio: TestStudio;

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  studio = await startTestStudio(folder, {
    program: [
      process.execPath,
      "-e",
      'console.log("preparing\\n".repeat(60)); setTimeout(() => {}, 60_000)',
    ],
  });
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

it("is read from its start wherever another file takes its place", async () => {
  const { text } = await studio.post("/api/runs", {
    ...{ name: "mine", folder: join(folder, "data"), base: "emoji-demo", goal: "style" },
    ...{ minutes: 1, dry: false },
  });
  const { id } = JSON.parse(text) as { id: string };
  const read = ({ next, source }: Pick<LogPart, "next" | "source">): Promise<LogPart> =>
    studio.get(`/api/runs/${id}/log?after=${next}&source=${encodeURIComponent(source)}`);
  const start = { next: 0, source: "" };
  let preparing: LogPart = { lines: [], ...start };
  await vi.waitFor(async () => {
    preparing = await read(start);
    expect(preparing.lines.filter((line) => line === "preparing")).toHaveLength(60);
  }, 10_000);
  expect((await read(preparing)).lines).toEqual([]);

  await writeMadeRun(run, { steps: 5 });
  const log = join(run, "log.txt");
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i} of the run`);
  writeFileSync(log, lines.map((line) => `${line}\n`).join(""));
  const own = await read(preparing);
  expect(own.lines).toEqual(lines);
  expect(own.source).not.toBe(preparing.source);
  appendFileSync(log, "one more\n");
  const more = await read(own);
  expect(more).toMatchObject({ lines: ["one more"], source: own.source });

  renameSync(log, join(run, "log.1.txt")); // as a log that has become too long
  const later = Array.from({ length: 200 }, (_, i) => `later line ${i}`);
  writeFileSync(log, later.map((line) => `${line}\n`).join(""));
  expect((await read(more)).lines).toEqual(later);
});
