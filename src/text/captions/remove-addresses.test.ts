import { describe, expect, it } from "vitest";
import { removeAddresses } from "./remove-addresses.ts";

// The expected texts are those of Python's re with the two patterns of diffusers' _clean_caption.
describe("removeAddresses", () => {
  it.each([
    ["see http://foo.de/x now", "see foo.de/x now"],
    ["https:a", ""],
    ["www:fox", "ox"],
    ["end-www:fox", "end-ox"],
    ["foo.com/a_b-c/ d", " d"],
    ["me@foo.com", "me@"],
    ["foo.com@me", "foo.com@me"],
    ["éfoo.com", "éfoo.com"],
    ["a.com/b.c.com", ""],
    [".com ..com", ".com ..com"],
    ["a.community", ""],
    ["no address", "no address"],
    ["", ""],
  ])("%j → %j", (text, expected) => {
    expect(removeAddresses(text)).toBe(expected);
  });
});
