import { describe, expect, it } from "vitest";
import { decodeText } from "./decode-text.ts";

const TEXT = "F\u00fcchslein 狐 🦊\r\n";

describe("decodeText", () => {
  it("reads UTF-8 with and without a byte order mark", () => {
    expect(decodeText(Buffer.from(TEXT))).toBe(TEXT);
    expect(decodeText(Buffer.from(`\ufeff${TEXT}`))).toBe(TEXT);
    expect(decodeText(new Uint8Array())).toBe("");
  });

  it("reads UTF-16 in both orders where a mark says so", () => {
    const little = Buffer.from(`\ufeff${TEXT}`, "utf16le");
    expect(decodeText(little)).toBe(TEXT);
    expect(decodeText(Buffer.from(little).swap16())).toBe(TEXT);
  });

  it("reads nothing else", () => {
    expect(decodeText(Buffer.from("F\xfcchslein", "latin1"))).toBeUndefined();
    expect(decodeText(Uint8Array.of(0xff, 0xfe, 0x41))).toBeUndefined(); // half a unit
    expect(decodeText(Uint8Array.of(0xff, 0xfe, 0, 0xd8, 0x41, 0))).toBeUndefined(); // half a pair
  });
});
