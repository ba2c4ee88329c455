import { describe, expect, it } from "vitest";
import { captionText, decodeCaption, isBlank } from "./caption-text.ts";

describe("decodeCaption", () => {
  it.each([
    ["UTF-8", Buffer.from("Füchslein 狐")],
    ["UTF-8 with its mark", Buffer.from("\ufeffFüchslein 狐")],
    ["UTF-16 of Windows", Buffer.from("\ufeffFüchslein 狐", "utf16le")],
    ["UTF-16 of the other order", Buffer.from("\ufeffFüchslein 狐", "utf16le").swap16()],
  ])("reads %s", (_, bytes) => {
    expect(decodeCaption(bytes)).toBe("Füchslein 狐");
  });

  it.each([
    ["Latin-1", Buffer.from("F\xfcchslein", "latin1")],
    ["half a character", Buffer.from([0xff, 0xfe, 0x41])],
    ["UTF-32", Buffer.from([0xff, 0xfe, 0, 0, 0x41, 0, 0, 0])],
  ])("refuses %s", (_, bytes) => {
    expect(decodeCaption(bytes)).toBeUndefined();
  });
});

describe("isBlank", () => {
  it.each(["", " \n\t", "\u00a0", "\u200b", " \u200b\u200d\ufeff\u2060 ", "\0"])("%j", (text) => {
    expect(isBlank(text)).toBe(true);
  });
  it.each(["a", "\u200ba", "狐", "🦊", "."])("not %j", (text) => {
    expect(isBlank(text)).toBe(false);
  });
});

describe("captionText", () => {
  it("takes white space off the ends, and gives nothing where nothing can be seen", () => {
    expect(captionText(" \u00a0a fox\u200b\r\n")).toBe("a fox\u200b");
    expect(captionText("\u200b \n")).toBeUndefined();
  });
});
