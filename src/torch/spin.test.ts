import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { native } from "./binding.ts";
import { SpinWatch, watchSpin } from "./spin.ts";

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

  it("waits longer after each short trial, a minute at most", () => {
    const { set, observe } = watched();
    const calmPeriods = (): number => {
      observe(1, 2);
      let periods = 0;
      for (const before = set.length; set.length === before; periods++) observe(0);
      return periods;
    };
    expect(Array.from({ length: 7 }, calmPeriods)).toEqual([6, 12, 24, 48, 60, 60, 60]);
    observe(0, 60);
    expect(calmPeriods()).toBe(3);
  });
});

describe.runIf(process.platform === "linux")("watchSpin", () => {
  const threads = (): number => readdirSync("/proc/self/task").length;

  it("adds threads that sleep, and takes them away", async () => {
    native.setSpin(true);
    const before = threads();
    native.setSpin(false);
    native.setSpin(false);
    expect(threads()).toBeGreaterThan(before);
    native.setSpin(true);
    await vi.waitFor(() => expect(threads()).toBeLessThanOrEqual(before), 10_000);
  });

  it("notices processes that begin to run", async () => {
    const busy = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
    );
    try {
      let spins: boolean | undefined;
      watchSpin((value) => {
        spins = value;
      });
      const end = performance.now() + 30_000;
      // Work of this thread has to wait for processors, which all eight want.
      while (spins !== false && performance.now() < end) {
        for (const pause = performance.now() + 50; performance.now() < pause; );
        await sleep(1);
      }
      expect(spins).toBe(false);
    } finally {
      for (const child of busy) child.kill("SIGKILL");
    }
  });

  it("leaves the choice to the user's variables", () => {
    process.env.GOMP_SPINCOUNT = "5";
    try {
      watchSpin(() => {
        throw new Error("set");
      });
    } finally {
      delete process.env.GOMP_SPINCOUNT;
    }
  });
});
