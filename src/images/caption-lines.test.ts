import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { captionLines } from "./caption-lines.ts";

describe("captionLines", () => {
  it("breaks at spaces", () => {
    expect(captionLines("a red apple, noto style", 8, 3)).toEqual(["a red apple,", "noto style"]);
  });

  it("breaks inside a word that is longer than a line", () => {
    expect(captionLines("Donaudampfschifffahrt", 7, 3)).toEqual(["Donaudampf", "schifffahrt"]);
  });

  it("cuts with an ellipsis what does not fit into the last line", () => {
    const lines = captionLines("one two three four five six seven", 5, 2);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe("one two");
    expect(lines[1]).toMatch(/^three.*…$/);
  });

  it("gives no line for an empty caption", () => {
    expect(captionLines("  ", 5, 3)).toEqual([]);
  });

  it("keeps every letter in order until the ellipsis, in at most the allowed lines", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 1, max: 20 }),
        (text, width) => {
          const lines = captionLines(text, width, 3);
          expect(lines.length).toBeLessThanOrEqual(3);
          expect(lines.every((line) => line.length > 0)).toBe(true);
          const shown = lines.join("").replace(/\s/g, "").replace(/…$/, "");
          expect(text.replace(/\s/g, "").startsWith(shown)).toBe(true);
        },
      ),
    );
  });
});
