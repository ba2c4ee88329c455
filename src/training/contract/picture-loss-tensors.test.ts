import { describe, expect, it } from "vitest";
import { namesFromBytes, namesToBytes, pictureLossSpecs } from "./picture-loss-tensors.ts";

/** More than one piece, with all that JSON escapes, letters of several bytes and half of a pair. */
const NAMES = Array.from(
  { length: 30_000 },
  (_, i) => `${i}/"quoted" \\ back\\\\slash,\n狐 🦊 \ud800 [x] \u0000.png`,
);

describe("names of pictures", () => {
  it.each([
    ["none", []],
    ["one", ["a.png"]],
    ["empty ones", ["", "", "\\"]],
    ["many", NAMES],
  ])("are a JSON list, made and read in pieces: %s", (_, names) => {
    const bytes = namesToBytes(names);
    expect(Buffer.from(bytes).equals(Buffer.from(JSON.stringify(names)))).toBe(true);
    expect(namesFromBytes(bytes)).toEqual(names);
    expect(pictureLossSpecs(names).names.shape).toEqual([bytes.length]);
  });

  it("are read from a list that is spaced", () => {
    expect(namesFromBytes(Buffer.from('[ "a" , "b,\\"c" ]'))).toEqual(["a", 'b,"c']);
  });

  it("are refused if the last one has no end", () => {
    expect(() => namesFromBytes(Buffer.from('["a.png","b.p'))).toThrow(SyntaxError);
  });
});
