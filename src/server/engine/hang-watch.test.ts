import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { HangWatch, type HangWatchOptions } from "./hang-watch.ts";

const LOOK_MS = 50;
/** Longer than the looks that make a drawing process hung. */
const LONG_MS = 20 * LOOK_MS;

let child: ChildProcess | undefined;
let watch: HangWatch | undefined;
afterEach(() => {
  watch?.stop();
  child?.kill("SIGKILL");
});

/** A watched process that runs `code`; the seconds for which it was said to hang. */
async function watched(
  code: string,
  work: HangWatchOptions["work"],
): Promise<{ readonly hung: number[]; readonly heard: () => void }> {
  const started = spawn(process.execPath, ["-e", `console.log("here"); ${code}`]);
  child = started;
  await once(started.stdout, "data");
  await sleep(200); // its start computes
  const hung: number[] = [];
  const watching = new HangWatch({
    pid: started.pid ?? 0,
    work,
    onHung: (seconds) => hung.push(seconds),
    lookMs: LOOK_MS,
  });
  watch = watching;
  return { hung, heard: () => watching.heard() };
}

const WAITS = "setInterval(() => {}, 1e6)";

describe("HangWatch", () => {
  it("notices, once, a process that only waits", async () => {
    const { hung } = await watched(WAITS, () => "drawing");
    await sleep(LONG_MS);
    expect(hung).toEqual([0.6]);
  });

  it("gives a process that loads more time", async () => {
    const { hung } = await watched(WAITS, () => "loading");
    await sleep(LONG_MS);
    expect(hung).toEqual([]);
    await sleep(60 * LOOK_MS);
    expect(hung).toEqual([3]);
  });

  it("leaves a process that computes", async () => {
    const { hung } = await watched("for (;;);", () => "drawing");
    await sleep(LONG_MS);
    expect(hung).toEqual([]);
  });

  it("leaves a process that reports", async () => {
    const { hung, heard } = await watched(WAITS, () => "drawing");
    for (let i = 0; i < 10; i++) {
      await sleep(2 * LOOK_MS);
      heard();
    }
    expect(hung).toEqual([]);
  });

  it("leaves a process that has nothing to do", async () => {
    const { hung } = await watched(WAITS, () => undefined);
    await sleep(LONG_MS);
    expect(hung).toEqual([]);
  });

  it("does nothing where there is no such process", async () => {
    const { hung } = await watched("process.exit()", () => "drawing");
    await sleep(LONG_MS);
    expect(hung).toEqual([]);
  });
});
