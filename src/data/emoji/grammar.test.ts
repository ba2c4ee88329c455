import { describe, expect, it } from "vitest";
import { articleFor, withArticle } from "./grammar.ts";

describe("withArticle", () => {
  it.each([
    "a red apple",
    "an owl",
    "a unicorn",
    "a euro banknote",
    "a ewe",
    "a one-piece swimsuit",
    "an unamused face",
    "an hourglass done",
    "an SOS button",
    "an x-ray",
    "a bus",
    "a compass",
    "a rhinoceros",
    "a face with tears of joy",
    "a person lifting weights",
    "a pile of poo",
    "a woman and man holding hands",
    "a leftwards pushing hand",
    "a tennis racket",
    "grapes",
    "scissors",
    "skis",
    "french fries",
    "cooked rice",
    "tennis",
    "two hearts",
    "no smoking",
    "women with bunny ears",
    "people holding hands",
    "money with wings",
    "Santa Claus",
    "the sun",
    "the Statue of Liberty",
  ])("%s", (phrase) => {
    expect(withArticle(phrase.replace(/^(an?|the) /, ""))).toBe(phrase);
  });
});

describe("articleFor", () => {
  it("goes by sound, not by letter", () => {
    expect(["activity", "food", "hour", "unit", "umbrella"].map(articleFor)).toEqual([
      "an",
      "a",
      "an",
      "a",
      "an",
    ]);
  });
});
