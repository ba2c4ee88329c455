import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { native } from "./binding.ts";
import * as torch from "./index.ts";
import { largestShare, type SpinControl, SpinWatch, watchSpin } from "./spin.ts";

/** A watch that starts spinning, and what it has set so far. */
function watched(spins = true) {
  const set: boolean[] = [];
  const watch = new SpinWatch((value) => set.push(value), spins);
  const observe = (share: number, times = 1): void => {
    for (let i = 0; i < times; i++) watch.observe(share);
  };
  return { set, observe };
}

describe("SpinWatch", () => {
  it("sets what it starts with", () => {
    expect(watched(true).set).toEqual([true]);
    expect(watched(false).set).toEqual([false]);
  });

  it("ends spinning once threads wait for processors two periods in a row", () => {
    const { set, observe } = watched();
    observe(0.15, 10);
    observe(1);
    observe(0.15);
    expect(set).toEqual([true]);
    observe(0.3, 5);
    expect(set).toEqual([true, false]);
  });

  it("spins again after three calm periods in a row", () => {
    const { set, observe } = watched(false);
    observe(0, 2);
    observe(0.15);
    observe(0, 2);
    expect(set).toEqual([false]);
    observe(0);
    expect(set).toEqual([false, true]);
  });

  it("waits longer after each short trial, ten periods at most", () => {
    const { set, observe } = watched();
    const calmPeriods = (): number => {
      observe(1, 2);
      let periods = 0;
      for (const before = set.length; set.length === before; periods++) observe(0);
      return periods;
    };
    expect(Array.from({ length: 7 }, calmPeriods)).toEqual([6, 10, 10, 10, 10, 10, 10]);
    observe(0, 60);
    expect(calmPeriods()).toBe(3);
  });
});

describe("largestShare", () => {
  it("is that of the thread that waited longest, since it was there", () => {
    const before = new Map([
      ["1", 100],
      ["2", 0],
      ["3", 900],
    ]);
    const after = new Map([
      ["1", 150],
      ["2", 300],
      ["4", 5000],
    ]);
    expect(largestShare(before, after, 1000)).toBe(0.3);
    expect(largestShare(before, new Map(), 1000)).toBe(0);
  });
});

/** A control that remembers what is set. */
const recorded = (set: boolean[]): SpinControl => ({
  claimSpin: () => true,
  setSpin: (spins) => set.push(spins),
});

describe.runIf(process.platform === "linux")("watchSpin", () => {
  const threads = (): number => readdirSync("/proc/self/task").length;

  it("has a sleeping thread for each processor while threads don't spin", async () => {
    native.setSpin(true);
    const settled = async (): Promise<number> => {
      const first = threads();
      await sleep(200);
      return first === threads() ? first : settled();
    };
    const before = await settled();
    torch.setThreads(1); // the crowd's size doesn't depend on it
    native.setSpin(false);
    native.setSpin(false);
    await vi.waitFor(
      () => expect(threads()).toBeGreaterThan(before + availableParallelism()),
      10_000,
    );
    native.setSpin(true);
    await vi.waitFor(() => expect(threads()).toBeLessThanOrEqual(before), 10_000);
  });

  it("notices processes that begin to run", async () => {
    const set: boolean[] = [];
    watchSpin(recorded(set), false);
    expect(set).toEqual([true]);
    const busy = Array.from({ length: 4 * availableParallelism() }, () =>
      spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
    );
    try {
      const end = performance.now() + 60_000;
      // Work of this thread has to wait for processors, which all of them want.
      while (set.length < 2 && performance.now() < end) {
        for (const pause = performance.now() + 50; performance.now() < pause; );
        await sleep(1);
      }
      expect(set).toEqual([true, false]);
    } finally {
      for (const child of busy) child.kill("SIGKILL");
    }
  });

  it("begins as the machine is, and leaves waiting alone where no thread can be had", () => {
    const set: boolean[] = [];
    watchSpin(recorded(set), true);
    expect(set).toEqual([false]);
    const setSpin = (): void => {
      throw new Error("Resource temporarily unavailable");
    };
    watchSpin({ claimSpin: () => true, setSpin }, true);
  });

  it("leaves the choice to the user's variables, and the watch to the thread that has it", () => {
    const set: boolean[] = [];
    process.env.GOMP_SPINCOUNT = "5";
    try {
      watchSpin(recorded(set), true);
    } finally {
      delete process.env.GOMP_SPINCOUNT;
    }
    watchSpin({ ...recorded(set), claimSpin: () => false }, true);
    expect(set).toEqual([]);
    expect(native.claimSpin()).toBe(false); // loading the addon has claimed it
  });
});
