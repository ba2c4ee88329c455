import { expect, it } from "vitest";
import { shorten } from "./shorten.ts";

it("leaves what can be read at a glance", () => {
  for (const text of ["", "a fox", "x".repeat(160), "🦊".repeat(160)])
    expect(shorten(text)).toBe(text);
});

it("keeps the first and last whole words of the rest, and says how long it is", () => {
  const text = `${Array.from({ length: 500 }, (_, i) => `word${i}`).join(" ")}`;
  expect(shorten(text)).toBe(
    `word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 … word493 word494 word495 word496 word497 word498 word499 (${text.length} letters)`,
  );
});

it("cuts words that are too long, but no letter", () => {
  expect(shorten("🦊".repeat(3000))).toBe(`${"🦊".repeat(60)} … ${"🦊".repeat(60)} (3000 letters)`);
});
