import { expect, it, vi } from "vitest";
import { PixartError } from "../../../../src/client/pixart-error.ts";
import type { DrawEvent, DrawnPictures } from "../../../../src/client/results.ts";
import { followSteadily } from "./follow-steadily.ts";

const progress = (step: number): DrawEvent => ({ type: "progress", step, total: 20 });
const pictures = {} as DrawnPictures;

/** A client whose connection breaks as often as there are errors. */
function breaking(errors: Error[]): Parameters<typeof followSteadily>[0] {
  return {
    async *follow() {
      yield progress(3 - errors.length);
      const error = errors.shift();
      if (error !== undefined) throw error;
      return pictures;
    },
  };
}

async function stepsOf(errors: Error[]): Promise<number[]> {
  const steps: number[] = [];
  const events = followSteadily(breaking(errors), "job_1", new AbortController().signal);
  for await (const event of events) if (event.type === "progress") steps.push(event.step);
  return steps;
}

it("takes up what broke", async () => {
  vi.useFakeTimers();
  const early = new PixartError(0, { message: "", code: "running", param: null });
  const steps = stepsOf([new TypeError("network error"), early]);
  await vi.runAllTimersAsync();
  expect(await steps).toEqual([1, 2, 3]);
  vi.useRealTimers();
});

it("gives up where the server does", async () => {
  const refused = new PixartError(404, { message: "gone", code: "job_not_found", param: null });
  await expect(stepsOf([refused])).rejects.toThrow("gone");
});
