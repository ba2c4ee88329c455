import { expect, it } from "vitest";
import { kept, moved } from "./touch-zoom.ts";

it("shows half as much where two fingers go twice as far apart, about their middle", () => {
  expect(moved({ min: 0, max: 100 }, [40, 60], [30, 70], 100)).toEqual({ min: 25, max: 75 });
});

it("moves with one finger", () => {
  expect(moved({ min: 20, max: 40 }, [50], [75], 100)).toEqual({ min: 15, max: 35 });
});

it("stays within the whole", () => {
  const whole = { min: 0, max: 100 };
  expect(kept({ min: -10, max: 20 }, whole)).toEqual({ min: 0, max: 30 });
  expect(kept({ min: 90, max: 120 }, whole)).toEqual({ min: 70, max: 100 });
  expect(kept({ min: -50, max: 150 }, whole)).toEqual(whole);
});
