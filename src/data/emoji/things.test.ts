import { describe, expect, it } from "vitest";
import { loadEmojibase } from "./packages.ts";
import { listThings, slugOf, thingName } from "./things.ts";

describe("thingName", () => {
  it.each([
    ["red apple", "food-fruit", "red apple"],
    ["person: blond hair", "person", "person with blond hair"],
    ["man: bald", "person", "bald man"],
    ["person walking: facing right", "person-activity", "person walking facing right"],
    ["family: man, woman, boy", "family", "family of a man, a woman and a boy"],
    ["family: woman, girl, girl", "family", "family of a woman and two girls"],
    ["family: adult, child, child", "family", "family of an adult and two children"],
    ["kiss: man, man", "family", "kiss between two men"],
    ["couple with heart: woman, man", "family", "couple with heart, a woman and a man"],
    ["three o’clock", "time", "clock at three o'clock"],
    ["three-thirty", "time", "clock at three-thirty"],
    ["keycap: #", "keycap", "keycap hash"],
    ["keycap: 7", "keycap", "keycap 7"],
    ["AB button (blood type)", "alphanum", "AB blood type button"],
    ["Japanese “here” button", "alphanum", 'Japanese "here" button'],
    ["Leo", "zodiac", "Leo zodiac sign"],
    ["input numbers", "alphanum", "input numbers key"],
    ["multiply", "math", "multiplication sign"],
  ])("%s (%s) is %s", (label, subgroup, thing) => {
    expect(thingName(label, subgroup)).toBe(thing);
  });
});

describe("slugOf", () => {
  it.each([
    ["man’s shoe", "mans-shoe"],
    ["piñata", "pinata"],
    ["keycap: *", "keycap-asterisk"],
    ["ON! arrow", "on-arrow"],
    ["family: man, boy", "family-man-boy"],
  ])("%s becomes %s", (label, slug) => {
    expect(slugOf(label)).toBe(slug);
  });
});

describe("listThings", () => {
  const things = listThings(loadEmojibase());

  it("lists every emoji but components and flags, each under one name and one file", () => {
    expect(things).toHaveLength(1644);
    expect(new Set(things.map(({ thing }) => thing)).size).toBe(1644);
    expect(new Set(things.map(({ slug }) => slug)).size).toBe(1644);
    expect(things.every(({ slug }) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(slug))).toBe(true);
    expect(things.filter(({ group }) => group === "flags" || group === "component")).toEqual([]);
  });

  it("numbers the things in the order of their names", () => {
    const names = things.map(({ thing }) => thing);
    expect(names).toEqual([...names].sort());
    expect(things.map((thing) => thing.class)).toEqual(names.map((_, index) => index));
  });

  it("leaves no typographic quote or colon in a name", () => {
    expect(things.filter(({ thing }) => /[:‘’“”()]/.test(thing))).toEqual([]);
  });
});
