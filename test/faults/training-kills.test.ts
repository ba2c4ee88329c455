import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestCheckpoint } from "../../src/training/checkpoint-folder.ts";
import { readEvents } from "../../src/training/event-log.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

// A run is killed, and asked to stop, again and again until it is done: PIXART_ALL_FAULTS=1 does it more often.
const ALL = process.env.PIXART_ALL_FAULTS === "1";
const KILLS = ALL ? 200 : 20;
const REQUESTS = ALL ? 50 : 20;
const EVERY = 10;
const TIMEOUT = ALL ? 3_600_000 : 600_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BASE = join(ROOT, "models/emoji-demo");
const folder = mkdtempSync(join(tmpdir(), "pixart-kills-"));
const configFile = join(folder, "tiny.json");
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

const checkpointsOf = (run: string): string => join(run, "checkpoints", "captions");

function start(run: string, steps: number, resume: boolean): ChildProcess {
  const args = ["--import", "tsx", "src/cli/main.ts", "train", configFile, "--work-dir", run];
  const options = ["--cfg-options", `stages.0.steps=${steps}`];
  return spawn(process.execPath, [...args, ...(resume ? ["--resume"] : []), ...options], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The last step that the events tell of, half-written lines left out. */
function lastStep(run: string): number {
  const path = join(run, "events.jsonl");
  if (!existsSync(path)) return 0;
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const step = lines.findLast((line) => line.startsWith('{"type":"step"'));
  return step === undefined ? 0 : (JSON.parse(step) as { step: number }).step;
}

const isSaving = (run: string): boolean =>
  existsSync(checkpointsOf(run)) &&
  readdirSync(checkpointsOf(run)).some((name) => name.startsWith(".tmp"));

/** Waits until this life of the run has made `steps` steps; false where it ended before. */
async function hasMade(child: ChildProcess, run: string, steps: number): Promise<boolean> {
  const events = join(run, "events.jsonl");
  const lines = (): number =>
    existsSync(events) ? readFileSync(events, "utf8").split('"type":"step"').length - 1 : 0;
  const before = lines();
  while (child.exitCode === null && child.signalCode === null) {
    if (lines() >= before + steps) return true;
    await sleep(5);
  }
  return false;
}

const losses = (run: string): unknown =>
  readEvents(join(run, "events.jsonl")).flatMap((event) =>
    event.type === "step" ? [[event.step, event.loss, event.gradNorm]] : [],
  );

function finalFiles(run: string, steps: number): unknown {
  const name = `step-${String(steps).padStart(8, "0")}`;
  const manifest = readFileSync(join(checkpointsOf(run), name, "manifest.json"), "utf8");
  return (JSON.parse(manifest) as { files: unknown }).files;
}

/** A run of as many steps as `lives` lives need, and one that nothing disturbs. */
async function straightRun(name: string, steps: number): Promise<string> {
  const run = join(folder, name);
  const [code] = (await once(start(run, steps, false), "close")) as [number];
  expect(code).toBe(0);
  return run;
}

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  const from = (subfolder: string) => ({ pretrained: BASE, subfolder });
  writeFileSync(
    configFile,
    JSON.stringify({
      threads: 1,
      dataset: { folder: join(folder, "data"), cache: { folder: join(folder, "cache") } },
      autoencoder: from("vae"),
      tokenizer: { ...from("tokenizer"), maxLength: 64 },
      textEncoder: from("text_encoder"),
      transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
      stages: [
        {
          kind: "text-to-image",
          name: "captions",
          resolution: 16,
          batchSize: 2,
          steps: 1,
          optimizer: { lr: 1e-3 },
          checkpointEvery: EVERY,
          keepCheckpoints: 2,
          sampleEvery: null,
        },
      ],
      sampling: { prompts: ["a ball"], steps: 1 },
    }),
  );
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
        const child = start(run, steps, kill > 0);
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
      const [code] = (await once(start(run, steps, true), "close")) as [number];
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
      const signals = ["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"] as const;
      for (let request = 0; request < REQUESTS; request++) {
        const child = start(run, steps, request > 0);
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
      const [code] = (await once(start(run, steps, true), "close")) as [number];
      expect(code).toBe(0);
      expect(losses(run)).toEqual(losses(straight));
      expect(finalFiles(run, steps)).toEqual(finalFiles(straight, steps));
    },
    TIMEOUT,
  );
});
