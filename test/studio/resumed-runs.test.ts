import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunLine } from "../../src/studio/api-types.ts";
import { runReadme } from "../../src/training/run-folder/run-readme.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { until } from "./heard-events.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-resumed-"));
const run = join(folder, "work_dirs", "mine");
const told = join(folder, "arguments.json");
const TELLS = `const fs = require("fs");
fs.writeFileSync(${JSON.stringify(`${told}.tmp`)}, JSON.stringify(process.argv.slice(1)));
fs.renameSync(${JSON.stringify(`${told}.tmp`)}, ${JSON.stringify(told)});`;
let studio: TestStudio;

beforeAll(async () => {
  await writeMadeRun(run, { steps: 5, end: "stopped" });
  const command = "npx pixart train tiny --gpus 4 --no-rehearsal --resume";
  writeFileSync(join(run, "README.md"), runReadme("tiny", command));
  studio = await startTestStudio(folder, { program: [process.execPath, "-e", TELLS] });
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

it("resumes a run with as many processes as it was begun with", async () => {
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  expect((await studio.post(`/api/runs/${runs[0]?.id}/resume`, {})).status).toBe(202);
  await until(() => existsSync(told));
  const options = ["--work-dir", run, "--gpus", "4", "--no-rehearsal", "--resume"];
  expect(JSON.parse(readFileSync(told, "utf8"))).toEqual([
    "train",
    join(run, "recipe.json"),
    ...options,
  ]);
});
