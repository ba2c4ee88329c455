import { describe, expect, it } from "vitest";
import { chooseDemoThings, DEMO_THINGS } from "./demo-things.ts";
import { EMOJI_STYLES, loadEmojibase, loadEmojiSet } from "./packages.ts";
import { listThings } from "./things.ts";

describe("DEMO_THINGS", () => {
  it("are 64 different things that all four sets draw, each differently from the others", () => {
    expect(new Set(DEMO_THINGS).size).toBe(64);
    const things = new Map(
      listThings(loadEmojibase()).map((thing) => [thing.thing, thing.hexcode]),
    );
    for (const set of EMOJI_STYLES.map(loadEmojiSet)) {
      const drawn = DEMO_THINGS.map((thing) => set.svg(things.get(thing) ?? "", 64)?.text);
      expect(
        drawn.flatMap((text, index) => (text === undefined ? [DEMO_THINGS[index]] : [])),
      ).toEqual([]);
      expect(new Set(drawn).size).toBe(64);
    }
  });
});

describe("chooseDemoThings", () => {
  const metadata = DEMO_THINGS.flatMap((thing) =>
    ["noto", "fluent"].map((style) => ({ thing, style })),
  );

  it("gives the first of the list", () => {
    expect(chooseDemoThings(metadata)).toEqual(DEMO_THINGS);
    expect(chooseDemoThings(metadata, 3)).toEqual(["red apple", "banana", "watermelon"]);
  });

  it("names what the data lacks", () => {
    expect(() => chooseDemoThings(metadata.slice(1))).toThrow(
      "Expected metadata with all demo things in every style but these lack one: red apple",
    );
    expect(() => chooseDemoThings([])).toThrow("all (the metadata is empty)");
  });

  it("refuses a count that the list does not have", () => {
    expect(() => chooseDemoThings(metadata, 65)).toThrow(
      "Expected a whole number from 1 to 64 for count but received 65",
    );
  });
});
