import { describe, expect, it } from "vitest";
import { charsmapBlob } from "../../../test/fixtures/spiece-model.ts";
import { Charsmap } from "./charsmap.ts";

const map = new Charsmap(charsmapBlob({ A: "a", Ab: "x y", ﬁ: "fi", gone: "" }));
const matchIn = (text: string, start = 0) => map.match(Buffer.from(text), start);

describe("Charsmap", () => {
  it("takes the longest rule", () => {
    expect(matchIn("Abc")).toEqual({ length: 2, replacement: "x y" });
    expect(matchIn("Ac")).toEqual({ length: 1, replacement: "a" });
    expect(matchIn("A")).toEqual({ length: 1, replacement: "a" });
  });

  it("looks from the place that it is given, in bytes", () => {
    expect(matchIn("xﬁA", 1)).toEqual({ length: 3, replacement: "fi" });
    expect(matchIn("xﬁA", 4)).toEqual({ length: 1, replacement: "a" });
  });

  it("can leave text out", () => {
    expect(matchIn("gone")).toEqual({ length: 4, replacement: "" });
  });

  it("has no match where no rule fits as a whole", () => {
    expect(["gon", "b", "", "\0", "A".toLowerCase()].map((text) => matchIn(text))).toEqual(
      new Array(5).fill(undefined),
    );
    expect(matchIn("A", 1)).toBeUndefined();
  });

  it("has no rules where the blob is empty", () => {
    expect(new Charsmap(new Uint8Array()).match(Buffer.from("A"), 0)).toBeUndefined();
  });

  it("does not see later changes of the blob", () => {
    const blob = charsmapBlob({ A: "a" });
    const own = new Charsmap(blob);
    blob.fill(0);
    expect(own.match(Buffer.from("A"), 0)).toEqual({ length: 1, replacement: "a" });
  });

  it("refuses a blob that is not whole", () => {
    const blob = charsmapBlob({ A: "a" });
    const size = blob.length - 6;
    for (const length of [3, 4, 100, blob.length - 1]) {
      expect(() => new Charsmap(blob.subarray(0, length))).toThrow(
        `${length} bytes for a trie of ${length < 4 ? 0 : size} and its replacements`,
      );
    }
  });
});
