import { describe, expect, it } from "vitest";
import { pythonRegExp, pythonStrip } from "./python-regexp.ts";

describe("pythonRegExp", () => {
  it("takes letters and digits of every script for words, but no marks", () => {
    const words = "naïve Ⅷ ² ٣ x\u0301 猫_猫 🦊".match(pythonRegExp("\\w+"));
    expect(words).toEqual(["naïve", "Ⅷ", "²", "٣", "x", "猫_猫"]);
  });

  it("knows the digits and the white space of Unicode", () => {
    expect("٣²3".match(pythonRegExp("\\d"))).toEqual(["٣", "3"]);
    expect("a\x1cb\x85c\ufeffd".split(pythonRegExp("\\s"))).toEqual(["a", "b", "c\ufeffd"]);
  });

  it("finds the edges of words", () => {
    expect("éa b\u0301".replace(pythonRegExp("\\b"), "|")).toBe("|éa| |b|\u0301");
  });

  it("translates within classes, and opposites", () => {
    expect("é-1, x".match(pythonRegExp("[\\w\\-]+"))).toEqual(["é-1", "x"]);
    expect("a1é ٣".match(pythonRegExp("[^\\s\\d]+"))).toEqual(["a", "é"]);
    expect("1é,٣\xa0".match(pythonRegExp("\\D\\W|\\S"))).toEqual(["1", "é,", "٣"]);
  });

  it("matches at one place where asked to", () => {
    const pattern = pythonRegExp("\\d", { sticky: true });
    expect(pattern.test("a1")).toBe(false);
    pattern.lastIndex = 1;
    expect(pattern.test("a1")).toBe(true);
  });
});

describe("pythonStrip", () => {
  it("strips white space as Python has it", () => {
    expect(pythonStrip("\x1c \u3000a b\x85\n")).toBe("a b");
    expect(pythonStrip("\ufeffa")).toBe("\ufeffa");
    expect(pythonStrip(" \t")).toBe("");
  });
});
