import { expect, it } from "vitest";
import { nearest } from "./did-you-mean.ts";

it.each([
  ["stpes", "steps"],
  ["step", "steps"],
  ["batch_size", "batchSize"],
  ["BATCH-SIZE", "batchSize"],
  ["gradientclip", "gradientClip"],
  ["lr", undefined],
  ["colour", undefined],
])("%s is near %s", (name, near) => {
  expect(nearest(name, ["steps", "batchSize", "gradientClip", "ema"])).toBe(near);
});

it("prefers the nearest", () => {
  expect(nearest("steps", ["stops", "steps", "stepss"])).toBe("steps");
});
