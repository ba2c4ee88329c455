import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import type { RunEvent } from "../../src/training/run-folder/events.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { startRun, writeTinyRun } from "../fixtures/tiny-run.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-stop-"));
const at = (name: string): string => join(root, name);
/** Far more than a whole tiny run takes. */
const SLOW_STEPS = 900;
const WITHIN_MS = 20_000;
let slow = "";
let quick = "";

const with_ = (file: string, name: string, sampling: object): string => {
  const config = JSON.parse(readFileSync(file, "utf8"));
  const path = join(root, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...config, sampling }));
  return path;
};

beforeAll(async () => {
  quick = await writeTinyRun(root);
  const prompts = Array.from({ length: 64 }, (_, i) => `ball ${i}`);
  slow = with_(quick, "slow", { prompts, steps: SLOW_STEPS });
});
afterAll(() => rmSync(root, { recursive: true }));

/** What a process said and how it ended. */
interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  /** From the signal to the end. */
  readonly ms: number;
}

/** Starts a run, sends a signal when `isTime`, and waits for its end. */
async function stopped(
  start: Parameters<typeof startRun>[0],
  isTime: (said: string) => boolean,
  signal: NodeJS.Signals,
): Promise<Ended> {
  const child: ChildProcess = startRun(start, "pipe");
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const closed = once(child, "close");
  while (!isTime(stderr) && child.exitCode === null) await sleep(10);
  await sleep(300); // into the sheet
  const sent = performance.now();
  child.kill(signal);
  const [code] = await closed;
  return { code, stderr, ms: performance.now() - sent };
}

const eventsOf = (run: string): RunEvent[] =>
  existsSync(join(run, "events.jsonl")) ? readEvents(join(run, "events.jsonl")) : [];

describe("a signal that comes while a sheet is drawn", () => {
  it("ends the first one: the run goes on from step 0", async () => {
    const run = at("first");
    const start = { configFile: slow, run, steps: 2 };
    const { code, stderr, ms } = await stopped(
      start,
      (said) => said.includes('Stage "captions": '),
      "SIGTERM",
    );
    expect(code).toBe(75);
    expect(ms).toBeLessThan(WITHIN_MS);
    expect(stderr).toContain("SIGTERM: saving, then stopping.\n");
    expect(stderr).toContain(
      `Stopped. To continue: npx pixart train ${slow} --work-dir ${run} --resume\n`,
    );
    expect(eventsOf(run).at(-1)).toMatchObject({ type: "run-end", reason: "stopped", step: 0 });
    const child = startRun({ ...start, resume: true, options: ["sampling.steps=1"] }, "pipe");
    child.stderr?.resume();
    const [ended] = await once(child, "close");
    expect(ended).toBe(0);
    expect(readdirSync(join(run, "samples")).sort()).toEqual([
      "captions",
      "captions-00000000.png",
      "captions-00000002.png",
    ]);
  });

  it("ends the last one: the last step is saved, and the sheet drawn when the run goes on", async () => {
    const run = at("last");
    const child = startRun({ configFile: quick, run, steps: 2 }, "pipe");
    child.stderr?.resume();
    await once(child, "close");
    const start = {
      configFile: slow,
      run,
      steps: 4,
      resume: true,
      options: [`sampling.steps=${SLOW_STEPS}`, `sampling.prompts=["a","b","c","d","e","f"]`],
    };
    const isSaved = (): boolean =>
      eventsOf(run).some((event) => event.type === "checkpoint" && event.step === 4);
    const { code, stderr, ms } = await stopped(start, isSaved, "SIGINT");
    expect(code).toBe(130);
    expect(ms).toBeLessThan(WITHIN_MS);
    expect(stderr).toContain(
      `The newest samples: ${join(run, "samples", "captions-00000002.png")}\nStopped.`,
    );
    const again = startRun(
      { configFile: quick, run, steps: 4, resume: true, options: ["sampling.steps=1"] },
      "pipe",
    );
    again.stderr?.resume();
    expect((await once(again, "close"))[0]).toBe(0);
    expect(existsSync(join(run, "samples", "captions-00000004.png"))).toBe(true);
    const steps = eventsOf(run).flatMap((event) => (event.type === "step" ? event.step : []));
    expect(steps).toEqual([1, 2, 3, 4]);
  });

  it("ends the one of a rehearsal, which leaves no trace", async () => {
    const run = at("rehearsed");
    const start = { configFile: slow, run, steps: 2, flags: ["--rehearsal"] };
    const { code, stderr, ms } = await stopped(
      start,
      (said) => said.includes("Rehearsal of stage"),
      "SIGUSR1",
    );
    expect(code).toBe(75);
    expect(ms).toBeLessThan(WITHIN_MS);
    expect(stderr).not.toContain("a step took");
    expect(readdirSync(run).filter((name) => name.includes("rehearsal"))).toEqual([]);
    expect(eventsOf(run).at(-1)).toMatchObject({ type: "run-end", reason: "stopped" });
  });

  it("ends one of a class-conditional stage", async () => {
    const run = at("classes");
    const { stages, ...tiny } = tinyConfig(join(root, "data"));
    const [autoencoder, pixels] = stages;
    const configFile = at("classes.json");
    const config = {
      ...tiny,
      stages: [{ ...autoencoder, steps: 1, schedule: {} }, pixels],
      sampling: { ...tiny.sampling, steps: SLOW_STEPS },
    };
    writeFileSync(configFile, JSON.stringify(config));
    const { code, ms } = await stopped(
      { configFile, run, steps: 1 },
      (said) => said.includes('Stage "pixels": '),
      "SIGTERM",
    );
    expect(code).toBe(75);
    expect(ms).toBeLessThan(WITHIN_MS);
    expect(eventsOf(run).at(-1)).toMatchObject({ reason: "stopped", stage: "pixels", step: 0 });
  });
});
