import { expect, it } from "vitest";
import { eachInSlices } from "./in-slices.ts";

/** Keeps the thread busy for a millisecond. */
function work(): void {
  const end = performance.now() + 1;
  while (performance.now() < end);
}

it("visits every item, in order", async () => {
  const seen: string[] = [];
  await eachInSlices(new Set(["a", "b", "c"]), (item) => seen.push(item));
  expect(seen).toEqual(["a", "b", "c"]);
});

it("lets timers run in between, and ends when one aborts the signal", async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("asked to stop")), 1);
  let seen = 0;
  const visit = (): void => {
    work();
    seen += 1;
  };
  const items = Array.from({ length: 2000 });
  await expect(eachInSlices(items, visit, abort.signal)).rejects.toThrow("asked to stop");
  expect(seen).toBeGreaterThan(0);
  expect(seen).toBeLessThan(1000);
});
