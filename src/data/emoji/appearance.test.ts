import { describe, expect, it } from "vitest";
import { colourName, measureAppearance } from "./appearance.ts";

const SIZE = 32;

/** A drawing whose pixel at (x, y) is what `paint` says, clear where it says nothing. */
function drawing(paint: (x: number, y: number) => readonly number[] | undefined): Uint8Array {
  const rgba = new Uint8Array(SIZE * SIZE * 4);
  for (let y = 0; y < SIZE; y += 1) {
    for (let x = 0; x < SIZE; x += 1) {
      const colour = paint(x, y);
      if (colour !== undefined) rgba.set([...colour, 255], (y * SIZE + x) * 4);
    }
  }
  return rgba;
}

const RED = [220, 40, 40];
const GREEN = [90, 170, 60];
const within = (x: number, y: number, radius: number): boolean =>
  Math.hypot(x - 15.5, y - 15.5) <= radius;

describe("colourName", () => {
  it.each([
    [[255, 255, 255], "white"],
    [[0, 0, 0], "black"],
    [[128, 128, 128], "grey"],
    [[255, 0, 0], "red"],
    [[0, 128, 0], "green"],
    [[0, 80, 220], "blue"],
    [[255, 204, 50], "yellow"],
    [[255, 140, 0], "orange"],
    [[120, 72, 40], "brown"],
    [[128, 0, 160], "purple"],
    [[255, 170, 190], "pink"],
    [[20, 30, 90], "dark blue"],
  ] as const)("%j is %s", ([r, g, b], name) => {
    expect(colourName(r, g, b)).toBe(name);
  });
});

describe("measureAppearance", () => {
  it("orders colours by area and leaves out small ones", () => {
    const { colours } = measureAppearance(
      drawing((x, y) =>
        y < 16 ? RED : y < 24 ? GREEN : y === 31 && x < 8 ? [0, 0, 0] : undefined,
      ),
      SIZE,
    );
    expect(colours.map(({ name }) => name)).toEqual(["red", "green"]);
    expect(colours[0]?.share).toBeCloseTo(512 / 776, 6);
  });

  it("counts white inside a drawing but not the clear background", () => {
    const { colours } = measureAppearance(
      drawing((x, y) => (within(x, y, 5) ? [255, 255, 255] : within(x, y, 8) ? RED : undefined)),
      SIZE,
    );
    expect(colours.map(({ name }) => name)).toEqual(["red", "white"]);
  });

  it.each([
    ["disc", (x: number, y: number) => within(x, y, 16), ["round", "filling the frame"]],
    [
      "small square",
      (x: number, y: number) => x > 11 && x < 20 && y > 11 && y < 20,
      ["square", "small in the frame"],
    ],
    ["bar", (_: number, y: number) => y > 11 && y < 20, ["rectangular", "wide and low"]],
    ["pole", (x: number) => x > 11 && x < 20, ["rectangular", "tall and narrow"]],
    ["cross", (x: number, y: number) => x === y || x === 31 - y, ["filling the frame"]],
    ["egg", (x: number, y: number) => Math.hypot((x - 15.5) / 9, (y - 15.5) / 13) <= 1, ["oval"]],
  ])("finds words for a %s", (_, inside, words) => {
    const rgba = drawing((x, y) => (inside(x, y) ? RED : undefined));
    expect(measureAppearance(rgba, SIZE).shape).toEqual(words);
  });

  it("has nothing to say of an empty drawing", () => {
    expect(
      measureAppearance(
        drawing(() => undefined),
        SIZE,
      ),
    ).toEqual({ colours: [], shape: [] });
  });
});
