import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ResultStore } from "./result-store.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("keeps results for a time, and the newest within so many bytes", () => {
  const store = new ResultStore<string>({ milliseconds: 1000, bytes: 100 });
  store.set("a", "A", 60);
  store.set("b", "B", 30);
  expect([store.get("a"), store.get("b"), store.bytes]).toEqual(["A", "B", 90]);
  store.set("c", "C", 40);
  expect([store.get("a"), store.get("b"), store.get("c"), store.bytes]).toEqual([
    undefined,
    "B",
    "C",
    70,
  ]);
  store.set("b", "B2", 10);
  expect([store.get("b"), store.bytes]).toEqual(["B2", 50]);
  vi.setSystemTime(Date.now() - 3_600_000); // a clock that is set back keeps nothing longer
  vi.advanceTimersByTime(1001);
  expect([store.get("b"), store.get("c"), store.bytes]).toEqual([undefined, undefined, 0]);
});
