import { expect, it } from "vitest";
import { spreadOut } from "./spread-out.ts";

it("takes all where they are few, and else the first, the last and some between", () => {
  expect(spreadOut(3, 5)).toEqual([0, 1, 2]);
  expect(spreadOut(0, 5)).toEqual([]);
  expect(spreadOut(101, 5)).toEqual([0, 25, 50, 75, 100]);
});
