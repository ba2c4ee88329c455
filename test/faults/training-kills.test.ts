import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestCheckpoint } from "../../src/training/checkpoints/checkpoint-folder.ts";
import {
  checkpointsOf,
  EVERY,
  finalFiles,
  hasMade,
  isSaving,
  lastStep,
  losses,
  startRun,
  writeTinyRun,
} from "../fixtures/tiny-run.ts";
import { tries } from "../reliability/counts.ts";

// A run is killed, and asked to stop, again and again until it is done.
const KILLS = tries(10, 200);
const REQUESTS = tries(10, 50);
const TIMEOUT = tries(600_000, 7_200_000);
const folder = mkdtempSync(join(tmpdir(), "pixart-kills-"));
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

/** A run of as many steps as `lives` lives need, and one that nothing disturbs. */
async function straightRun(name: string, steps: number): Promise<string> {
  const run = join(folder, name);
  const [code] = (await once(startRun({ configFile, run: run, steps }), "close")) as [number];
  expect(code).toBe(0);
  return run;
}

let configFile: string;
beforeAll(async () => {
  configFile = await writeTinyRun(folder);
});

describe("a run that is killed at random moments", () => {
  const steps = KILLS * 40;

  it(
    `survives ${KILLS} SIGKILLs, a quarter of them in a save, and ends as the unbroken run`,
    async () => {
      const straight = await straightRun("straight", steps);
      const run = join(folder, "broken");
      let inSave = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const child = startRun({ configFile, run: run, steps, resume: kill > 0 });
        const closed = once(child, "close");
        expect(await hasMade(child, run, EVERY + 2), `life ${kill} ended early`).toBe(true);
        if (kill % 2 === 0) {
          const deadline = Date.now() + 5000;
          while (!isSaving(run) && Date.now() < deadline) await sleep(0);
        } else {
          await sleep(Math.random() * 100);
        }
        const wasSaving = isSaving(run);
        child.kill("SIGKILL");
        await closed;
        if (wasSaving) inSave += 1;
        const newest = await newestCheckpoint(checkpointsOf(run), () => {});
        expect(newest, `kill ${kill} left no whole checkpoint`).toBeDefined();
        expect(lastStep(run) - (newest?.step ?? 0)).toBeLessThanOrEqual(EVERY);
      }
      expect(inSave).toBeGreaterThanOrEqual(KILLS / 4);
      const [code] = (await once(
        startRun({ configFile, run: run, steps, resume: true }),
        "close",
      )) as [number];
      expect(code).toBe(0);
      expect(losses(run)).toEqual(losses(straight));
      expect(finalFiles(run, steps)).toEqual(finalFiles(straight, steps));
    },
    TIMEOUT,
  );
});

describe("a run that is asked to stop at random moments", () => {
  const steps = REQUESTS * 15;

  it(
    `saves after the step at hand ${REQUESTS} times, tells why by its exit code, and ends as the unbroken run`,
    async () => {
      const straight = await straightRun("asked-straight", steps);
      const run = join(folder, "asked");
      const signals = ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2"] as const;
      for (let request = 0; request < REQUESTS; request++) {
        const child = startRun({ configFile, run: run, steps, resume: request > 0 });
        const closed = once(child, "close");
        expect(await hasMade(child, run, 3), `life ${request} ended early`).toBe(true);
        await sleep(Math.random() * 50);
        const signal = signals[request % signals.length] ?? "SIGTERM";
        child.kill(signal);
        const asked = Date.now();
        const [code] = (await closed) as [number];
        expect(code).toBe(signal === "SIGINT" ? 130 : 75);
        expect(Date.now() - asked).toBeLessThan(30_000);
        // Nothing is lost: the newest checkpoint is of the last step that was told of.
        const newest = await newestCheckpoint(checkpointsOf(run), () => {});
        expect(newest?.step).toBe(lastStep(run));
      }
      const [code] = (await once(
        startRun({ configFile, run: run, steps, resume: true }),
        "close",
      )) as [number];
      expect(code).toBe(0);
      expect(losses(run)).toEqual(losses(straight));
      expect(finalFiles(run, steps)).toEqual(finalFiles(straight, steps));
    },
    TIMEOUT,
  );
});
