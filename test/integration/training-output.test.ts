import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import {
  checkpointsOf,
  hasMade,
  lastStep,
  losses,
  startRun,
  trainCommand,
  writeTinyRun,
} from "../fixtures/tiny-run.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-output-"));
let configFile = "";
beforeAll(async () => {
  configFile = await writeTinyRun(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const quoted = (word: string): string => `'${word}'`;

/** The exit code of a command in a pipe, and what the shell's stdout and stderr hold. */
async function inShell(
  command: readonly string[],
  redirected: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = `${command.map(quoted).join(" ")} ${redirected}; echo "code \${PIPESTATUS[0]}"`;
  const options = { cwd: ROOT, maxBuffer: 2 ** 26 };
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], options);
  return { code: Number(/code (\d+)\n$/.exec(stdout)?.[1]), stdout, stderr };
}

/** Whether a run is whole: all its steps, its newest checkpoint, and no lock that is left. */
function expectWhole(run: string, steps: number): void {
  expect(lastStep(run)).toBe(steps);
  expect(readEvents(join(run, "events.jsonl")).at(-1)).toMatchObject({ reason: "finished" });
  expect(readdirSync(checkpointsOf(run))).toContain(`step-${String(steps).padStart(8, "0")}`);
  expect(existsSync(join(run, "run.lock"))).toBe(false);
}

const steps = 25;

describe.runIf(process.platform === "linux")("a training whose output is not taken on", () => {
  it.each([
    ["a reader that has gone", "2>&1 | head -1"],
    ["a reader that has gone from stderr", "2>&1 >/dev/null | true"],
    ["a full device behind both", ">/dev/full 2>&1"],
    ["a full device behind stderr", "2>/dev/full"],
  ])("trains to the end with %s", async (_, redirected) => {
    const run = join(folder, `run-${redirected.replace(/\W+/g, "-")}`);
    const { code, stderr } = await inShell(trainCommand({ configFile, run, steps }), redirected);
    expect([code, stderr]).toEqual([0, ""]);
    expectWhole(run, steps);
  });

  it("says that stdout is full, and ends as if it were not", async () => {
    const run = join(folder, "full");
    const { code, stderr } = await inShell(
      trainCommand({ configFile, run, steps: 2 }),
      "> /dev/full",
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/\npixart: stdout cannot be written \(ENOSPC\); send it elsewhere\n$/);
    expect(stderr).not.toContain("    at ");
  });

  it.each(["2>&1 | head -1", ">/dev/full 2>&1"])(
    "trains to the end in two processes: %s",
    async (redirected) => {
      const run = join(folder, `two-${redirected.length}`);
      const start = { configFile, run, steps, flags: ["--gpus", "2"] };
      const { code, stderr } = await inShell(trainCommand(start), redirected);
      expect([code, stderr]).toEqual([0, ""]);
      expectWhole(run, steps);
    },
    120_000,
  );
});

describe("a terminal that goes away", () => {
  it.each([
    ["one process", []],
    ["two", ["--gpus", "2"]],
  ])(
    "stops %s at the end of the step, saved",
    async (_, flags) => {
      const run = join(folder, `hangup-${flags.length}`);
      const child = startRun({ configFile, run, steps: 100_000, flags }, "pipe");
      let said = "";
      child.stderr?.on("data", (chunk) => {
        said += chunk;
      });
      const closed = once(child, "close");
      expect(await hasMade(child, run, 3)).toBe(true);
      child.kill("SIGHUP");
      expect(await closed).toEqual([75, null]);
      expect(said).toContain("SIGHUP: saving, then stopping.\n");
      expect(readdirSync(checkpointsOf(run))).toContain(
        readFileSync(join(checkpointsOf(run), "latest"), "utf8").trim(),
      );
      expect(losses(run)).toHaveLength(lastStep(run));
      expect(readEvents(join(run, "events.jsonl")).at(-1)).toMatchObject({
        reason: "stopped",
        message: "SIGHUP",
      });
    },
    120_000,
  );
});
