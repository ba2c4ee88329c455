import { expect, it } from "vitest";
import { previewSteps } from "./preview-steps.ts";

it.each([
  [0, 20, []],
  [1, 20, [1]],
  [3, 20, [1, 7, 13]],
  [3, 3, [1, 2]],
  [5, 1, []],
])(
  "shows %i of %i steps: the first, and none that is the picture itself",
  (count, steps, wanted) => {
    expect(previewSteps(count, steps)).toEqual(wanted);
  },
);
