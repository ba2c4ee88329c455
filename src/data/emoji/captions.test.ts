import { describe, expect, it } from "vitest";
import { denseCaption, kindWords, shortCaption } from "./captions.ts";
import { loadEmojibase } from "./packages.ts";
import { listThings } from "./things.ts";

const apple = {
  thing: "red apple",
  group: "food-drink",
  subgroup: "food-fruit",
  tags: ["apple", "fruit"],
};
const colour = (name: string, share: number) => ({ name, share });

describe("shortCaption", () => {
  it("names thing and style", () => {
    expect(shortCaption("red apple", "noto")).toBe("a red apple, noto style");
    expect(shortCaption("grapes", "fluent")).toBe("grapes, fluent style");
  });
});

describe("denseCaption", () => {
  it("says what is recorded and what is seen", () => {
    const seen = {
      colours: [colour("red", 0.8), colour("green", 0.1)],
      shape: ["round", "filling the frame"],
    };
    expect(denseCaption(apple, "noto", seen)).toBe(
      "a red apple, a food and fruit emoji drawn in noto style: mostly red with green, round, " +
        "filling the frame, on a white background; apple, fruit",
    );
  });

  it("lists colours evenly where none covers half, and leaves out what is not there", () => {
    const seen = {
      colours: [colour("red", 0.4), colour("tan", 0.3), colour("black", 0.2)],
      shape: [],
    };
    expect(denseCaption({ ...apple, tags: [] }, "openmoji", seen)).toBe(
      "a red apple, a food and fruit emoji drawn in openmoji style: red, tan and black, on a white background",
    );
    expect(denseCaption(apple, "fluent", { colours: [], shape: [] })).toContain(
      ": many-coloured, on",
    );
  });

  it("takes six tags and not the thing itself", () => {
    const tags = ["1", "red apple", "2", "3", "4", "5", "6", "7"];
    expect(
      denseCaption({ ...apple, tags }, "noto", { colours: [colour("red", 1)], shape: [] }),
    ).toMatch(/: red, on a white background; 1, 2, 3, 4, 5, 6$/);
  });
});

describe("kindWords", () => {
  it.each([
    ["animals-nature", "animal-bird", "animal and bird"],
    ["animals-nature", "plant-flower", "plant and flower"],
    ["people-body", "person-sport", "person and sport"],
    ["objects", "other-object", "everyday object"],
  ])("%s / %s is %s", (group, subgroup, words) => {
    expect(kindWords(group, subgroup)).toBe(words);
  });

  it("gives plain words for every subgroup in use", () => {
    const kinds = new Set(
      listThings(loadEmojibase()).map(({ group, subgroup }) => kindWords(group, subgroup)),
    );
    expect(kinds.size).toBeGreaterThan(70);
    expect([...kinds].filter((kind) => !/^[a-zA-Z]+( [a-zA-Z]+)*$/.test(kind))).toEqual([]);
    expect([...kinds].filter((kind) => kind.split(" and ").length > 2)).toEqual([]);
  });
});
