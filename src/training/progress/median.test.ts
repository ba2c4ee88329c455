import { expect, it } from "vitest";
import { median } from "./median.ts";

it.each([
  [[3], 3],
  [[9, 1, 10], 9],
  [[4, 1, 2, 9], 3],
  [Float64Array.of(100, 20, 3), 20],
  [[Number.NaN, 1, 2], 2],
  [[], Number.NaN],
])("of %j is %d", (values, middle) => expect(median(values)).toBe(middle));
