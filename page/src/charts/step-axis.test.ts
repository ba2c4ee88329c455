import { describe, expect, it } from "vitest";
import { between, stepAxis, unitsOf } from "./step-axis.ts";

const facts = {
  secondsAt: [0, 100, 200],
  seconds: [0, 50, 150],
  imagesPerStep: 32,
  epochImages: 3200,
};

describe("between", () => {
  it.each([
    [50, 25],
    [100, 50],
    [150, 100],
    [300, 250], // beyond the last
  ])("%d is %d", (x, y) => expect(between(facts.secondsAt, facts.seconds, x)).toBe(y));
});

it("goes from steps to epochs and back", () => {
  const axis = stepAxis("epoch", facts);
  expect(axis.fromStep(250)).toBe(2.5);
  expect(axis.toStep(2.5)).toBe(250);
  expect(axis.text(2.5)).toBe("2.5");
});

it("goes from steps to time and back", () => {
  const axis = stepAxis("time", facts);
  expect(axis.fromStep(150)).toBe(100);
  expect(axis.toStep(100)).toBe(150);
  expect(axis.text(100)).toBe("1 min 40 s");
});

it("offers only what it knows", () => {
  expect(unitsOf(facts)).toEqual(["step", "epoch", "time"]);
  const poor = { secondsAt: [], seconds: [], imagesPerStep: null, epochImages: null };
  expect(unitsOf(poor)).toEqual(["step"]);
  expect(stepAxis("time", poor).unit).toBe("step");
});
