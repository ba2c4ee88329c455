import { describe, expect, it } from "vitest";
import { HELD_OUT_SHARE, heldOutStyle } from "./split.ts";

const STYLES = ["noto", "openmoji", "twemoji", "fluent"];
const things = Array.from({ length: 4000 }, (_, index) => `thing ${index}`);

describe("heldOutStyle", () => {
  it.each([3, 4])("holds out about 8 in 100 pairs of things in %i styles", (count) => {
    const held = things.filter(
      (thing) => heldOutStyle(thing, STYLES.slice(0, count)) !== undefined,
    );
    expect(held.length / (things.length * count)).toBeCloseTo(HELD_OUT_SHARE, 2);
  });

  it("shares the held-out pairs evenly among the styles", () => {
    const held = things.map((thing) => heldOutStyle(thing, STYLES));
    for (const style of STYLES) {
      const share = held.filter((name) => name === style).length / things.length;
      expect(Math.abs(share - HELD_OUT_SHARE)).toBeLessThan(0.02);
    }
  });

  it("holds out nothing of a thing in fewer than three styles", () => {
    expect(things.filter((thing) => heldOutStyle(thing, STYLES.slice(0, 2)) !== undefined)).toEqual(
      [],
    );
  });

  it("depends on the names alone, not on the order or the run", () => {
    const reversed = [...STYLES].reverse();
    expect(things.map((thing) => heldOutStyle(thing, reversed))).toEqual(
      things.map((thing) => heldOutStyle(thing, STYLES)),
    );
    expect(["red apple", "star", "bus"].map((thing) => heldOutStyle(thing, STYLES))).toEqual([
      undefined,
      "noto",
      "openmoji",
    ]);
  });
});
