import { expect, it } from "vitest";
import { brushAfter, type KeyboardBrush } from "./keyboard-brush.ts";

const SIZE = [64, 32] as const;
const after = (keys: readonly string[], brush: KeyboardBrush): KeyboardBrush =>
  keys.reduce((now, key) => brushAfter(key, now, 8, SIZE) ?? now, brush);
const middle: KeyboardBrush = { place: [32, 16], isDown: false, strokes: [] };

it("paints along the way that arrows take it while it is down", () => {
  const keys = ["ArrowLeft", " ", "ArrowRight", "ArrowDown", " ", "ArrowDown"];
  expect(after(keys, middle)).toEqual({
    place: [32, 24],
    isDown: false,
    strokes: [
      {
        width: 8,
        points: [
          [28, 16],
          [32, 16],
          [32, 20],
        ],
      },
    ],
  });
});

it("stays within the picture", () => {
  const far = Array.from({ length: 20 }, () => ["ArrowRight", "ArrowUp"]).flat();
  expect(after(far, middle).place).toEqual([64, 0]);
});

it("begins a stroke of its own each time that it is set down", () => {
  expect(after([" ", " ", "ArrowLeft", " "], middle).strokes.map(({ points }) => points)).toEqual([
    [[32, 16]],
    [[28, 16]],
  ]);
});

it("is lifted where its stroke was undone", () => {
  expect(after(["ArrowLeft"], { ...middle, isDown: true }).isDown).toBe(false);
});

it("leaves other keys alone", () => {
  expect(brushAfter("Tab", middle, 8, SIZE)).toBeUndefined();
});
