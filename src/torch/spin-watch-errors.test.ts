import { readdirSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { watchSpin } from "./spin.ts";

vi.mock("node:fs", { spy: true });
afterEach(() => vi.useRealTimers());

it("skips a look at which the threads can't be listed", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const set: boolean[] = [];
  watchSpin({ claimSpin: () => true, setSpin: (spins) => set.push(spins) }, false);
  vi.mocked(readdirSync).mockImplementationOnce(() => {
    throw new Error("too many open files");
  });
  const looked = vi.mocked(readdirSync).mock.calls.length;
  expect(() => vi.advanceTimersByTime(3000)).not.toThrow();
  expect(vi.mocked(readdirSync).mock.calls.length).toBe(looked + 3);
  expect(set).toEqual([true]);
});
