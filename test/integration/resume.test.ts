import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-resume-"));
const configFile = join(folder, "tiny.json");
const STAGES = ["autoencoder", "pixels", "alignment", "aesthetics"];

function startTraining(
  workDir: string,
  resume: boolean,
): { child: ChildProcess; ended: Promise<string> } {
  const args = [MAIN, "train", configFile, "--work-dir", workDir];
  const child = spawn(process.execPath, resume ? [...args, "--resume"] : args, {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<string>((resolve) => {
    child.on("close", (code, signal) => resolve(`${signal ?? code}\n${stderr}`));
  });
  return { child, ended };
}

/** Steps of a stage that the run folder's events tell of. */
function stepsDone(workDir: string, stage: string): number {
  const file = join(workDir, "events.jsonl");
  if (!existsSync(file)) return 0;
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1); // the last may be half written
  return lines.filter(
    (line) => line.startsWith('{"type":"step"') && line.includes(`"stage":"${stage}"`),
  ).length;
}

async function killAfter(
  workDir: string,
  stage: string,
  steps: number,
  resume: boolean,
): Promise<void> {
  const before = stepsDone(workDir, stage);
  const { child, ended } = startTraining(workDir, resume);
  const timer = setInterval(() => {
    if (stepsDone(workDir, stage) >= before + steps) child.kill("SIGKILL");
  }, 2);
  const outcome = await ended;
  clearInterval(timer);
  expect(outcome.split("\n")[0]).toBe("SIGKILL");
}

const hashes = (workDir: string, stage: string): unknown => {
  const manifest = join(workDir, "checkpoints", stage, "step-00000012", "manifest.json");
  const { files, state } = JSON.parse(readFileSync(manifest, "utf8"));
  return { files, state };
};

const losses = (workDir: string): unknown =>
  readEvents(join(workDir, "events.jsonl")).flatMap((event) =>
    event.type === "step"
      ? [[event.stage, event.step, event.loss, event.gradNorm, event.lossParts]]
      : [],
  );

describe("a run that is killed in every stage", () => {
  const straight = join(folder, "straight");
  const broken = join(folder, "broken");

  beforeAll(async () => {
    await writeTinyDataset(join(folder, "data"));
    writeFileSync(configFile, JSON.stringify(tinyConfig(join(folder, "data"))));
    expect(await startTraining(straight, false).ended).toMatch(/^0\n/);
    for (const [i, stage] of STAGES.entries()) await killAfter(broken, stage, 6, i > 0);
    expect(await startTraining(broken, true).ended).toMatch(/^0\n/);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(STAGES)(
    "ends stage %s with weights, averages and moments equal to the last bit",
    (stage) => {
      expect(hashes(broken, stage)).toEqual(hashes(straight, stage));
    },
  );

  it("tells of the same losses, each step once", () => {
    expect(losses(broken)).toEqual(losses(straight));
    expect(losses(straight)).toHaveLength(48);
  });

  it("resumed from the checkpoint of step 5 each time", () => {
    const text = readFileSync(join(broken, "events.jsonl"), "utf8");
    const resumes = text.split("\n").filter((line) => line.includes('"type":"resume"'));
    expect(resumes.map((line) => JSON.parse(line)).map(({ stage, step }) => [stage, step])).toEqual(
      STAGES.map((stage) => [stage, 5]),
    );
  });
});
