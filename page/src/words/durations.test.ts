import { describe, expect, it } from "vitest";
import { durationText, leftText } from "./durations.ts";

describe("durationText", () => {
  it.each([
    [0, "0.0 s"],
    [0.31, "0.3 s"],
    [1.94, "1.9 s"],
    [8, "8 s"],
    [59.4, "59 s"],
    [60, "1 min"],
    [125, "2 min 5 s"],
    [18 * 60, "18 min"],
    [3600, "1 h"],
    [2 * 3600 + 5 * 60, "2 h 5 min"],
    [26 * 3600, "1 d 2 h"],
  ])("%d s is %s", (seconds, text) => expect(durationText(seconds)).toBe(text));
});

it("says of what is left no more than is known", () => {
  expect(leftText(12)).toBe("less than a minute left");
  expect(leftText(125)).toBe("2 min left");
  expect(leftText(7000)).toBe("1 h 57 min left");
});
