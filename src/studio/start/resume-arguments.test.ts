import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { runReadme } from "../../training/run-folder/run-readme.ts";
import { LiveRun } from "../runs/live-run.ts";
import { resumeArguments } from "./resume-arguments.ts";

const path = mkdtempSync(join(tmpdir(), "pixart-resume-"));
afterAll(() => rmSync(path, { recursive: true }));
beforeEach(() => writeMadeRun(path, { steps: 5, end: "stopped" }));

const resumed = (): Promise<string[]> =>
  resumeArguments(new LiveRun({ id: "mine", path, name: "mine" }, () => {}));

/** Writes a field of one of the run's files. */
function write(file: string, processes: number): void {
  const place = join(path, file);
  writeFileSync(place, JSON.stringify({ ...JSON.parse(readFileSync(place, "utf8")), processes }));
}

const BEGUN = ["train", join(path, "recipe.json"), "--work-dir", path];

it("has as many processes as the run was begun with, and rehearses as it did", async () => {
  expect(await resumed()).toEqual([...BEGUN, "--resume"]);
  const command = "npx pixart train tiny --gpus 4 --max-restarts 2 --no-rehearsal --resume";
  writeFileSync(join(path, "README.md"), runReadme("tiny", command));
  write("config.json", 4);
  const options = ["--gpus", "4", "--max-restarts", "2", "--no-rehearsal"];
  expect(await resumed()).toEqual([...BEGUN, ...options, "--resume"]);
});

it("refuses a run whose processes another launcher started, but not one for whose recipe one does the work of several", async () => {
  write("config.json", 4);
  await expect(resumed()).rejects.toMatchObject({
    ...{ status: 409, code: "other_launcher" },
    message: expect.stringContaining("npx pixart train tiny --resume"),
  });
  write("recipe.json", 4);
  expect(await resumed()).toEqual([...BEGUN, "--resume"]);
});
