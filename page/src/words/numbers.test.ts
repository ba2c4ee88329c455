import { describe, expect, it } from "vitest";
import {
  bytesText,
  countText,
  deviationsText,
  lossText,
  manyText,
  percentText,
  rateText,
} from "./numbers.ts";

it("groups by thousands", () => {
  expect(countText(1240)).toBe("1,240");
  expect(manyText(1, "picture")).toBe("1 picture");
  expect(manyText(1240, "picture")).toBe("1,240 pictures");
});

it("says how far a loss is from the usual one", () => {
  expect(deviationsText(1.94)).toBe("1.9 σ above usual");
  expect(deviationsText(-0.26)).toBe("0.3 σ below usual");
});

describe("lossText", () => {
  it.each([
    [0.21318, "0.2132"],
    [12.3456, "12.35"],
    [0, "0.0000"],
    [3.14e-7, "3.1e-7"],
    [Number.NaN, "NaN"],
  ])("%d is %s", (loss, text) => expect(lossText(loss)).toBe(text));
});

describe("bytesText", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [38_000_000, "38 MB"],
    [1_450_000_000, "1.4 GB"],
    [999_600, "1.0 MB"],
  ])("%d is %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));
});

it("never rounds up to the whole", () => {
  expect(percentText(2999, 3000)).toBe("99 %");
  expect(percentText(3000, 3000)).toBe("100 %");
  expect(percentText(0, 0)).toBe("0 %");
});

it("gives speeds two digits", () => {
  expect([0.844, 8.44, 84.4, 1240].map(rateText)).toEqual(["0.84", "8.4", "84", "1,240"]);
});
