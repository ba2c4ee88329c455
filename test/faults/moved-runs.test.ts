import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  listCheckpoints,
  verifyCheckpoint,
} from "../../src/training/checkpoints/checkpoint-folder.ts";
import { checkpointsOf, hasMade, isSaving, startRun, writeTinyRun } from "../fixtures/tiny-run.ts";

// A run folder is moved while its run writes it: PIXART_ALL_FAULTS=1 does it more often.
const MOVES = process.env.PIXART_ALL_FAULTS === "1" ? 20 : 4;
const folder = mkdtempSync(join(tmpdir(), "pixart-moved-"));
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

let configFile: string;
beforeAll(async () => {
  configFile = await writeTinyRun(folder);
});

/** Ends with its exit code, and what it said. */
async function endOf(child: ReturnType<typeof startRun>): Promise<{ code: number; said: string }> {
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, said };
}

it(
  `a run that is moved at ${MOVES} random moments ends with one sentence and goes on where it was moved to`,
  async () => {
    for (let move = 0; move < MOVES; move++) {
      const [run, moved] = [join(folder, `run-${move}`), join(folder, `moved-${move}`)];
      const child = startRun({ configFile, run, steps: 100_000 }, "pipe");
      const ended = endOf(child);
      while (!existsSync(join(run, "config.json")) && child.exitCode === null) await sleep(1);
      if (move % 2 === 0) {
        // In the middle of a save, as far as that can be met.
        while (!isSaving(run) && child.exitCode === null) await sleep(0);
      } else {
        await sleep(Math.random() * 4000);
      }
      renameSync(run, moved);
      const { code, said } = await ended;
      expect(code, said).toBe(77);
      const lines = said.split("\n").filter((line) => line.startsWith("pixart: "));
      expect(lines, said).toHaveLength(1);
      expect(lines[0]).toContain(`pixart: The run folder ${run} was moved to ${moved}`);
      expect(said).not.toMatch(/^\s+at /m);
      expect(existsSync(run), `move ${move} left a second folder`).toBe(false);
      const listed = await listCheckpoints(checkpointsOf(moved));
      for (const { path } of listed) await verifyCheckpoint(path);
      const newest = listed.at(-1);
      if (newest !== undefined) expect(lines[0]).toContain(newest.path);
      const steps = (newest?.step ?? 0) + 11;
      const again = startRun({ configFile, run: moved, steps, resume: true }, "pipe");
      const end = await endOf(again);
      expect(end.code, end.said).toBe(0);
      expect(readdirSync(moved)).not.toContain("run.lock");
      rmSync(moved, { recursive: true });
    }
  },
  MOVES * 60_000,
);

it("a run of two processes that is moved is not begun anew in its old place", async () => {
  const [run, moved] = [join(folder, "run-of-two"), join(folder, "moved-of-two")];
  const flags = ["--gpus", "2", "--launcher", "pytorch", "--max-restarts", "1"];
  const child = startRun({ configFile, run, steps: 100_000, flags }, "pipe");
  const ended = endOf(child);
  expect(await hasMade(child, run, 12)).toBe(true);
  renameSync(run, moved);
  const { code, said } = await ended;
  expect(code, said).toBe(77);
  expect(said).not.toContain("Starting all processes again");
  const lines = said.split("\n").filter((line) => line.startsWith("pixart: "));
  expect(lines, said).toEqual([
    expect.stringContaining(`was moved to ${moved}; its newest complete`),
  ]);
  expect(existsSync(run)).toBe(false);
}, 120_000);
