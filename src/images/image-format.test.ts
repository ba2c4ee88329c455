import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { sniffImage } from "./image-format.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

describe("sniffImage", () => {
  it.each(["jpeg", "png", "webp", "avif"] as const)(
    "recognises %s by its content",
    async (format) => {
      const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: "#08f" } });
      expect(sniffImage(await picture.toFormat(format).toBuffer())).toEqual({ format });
    },
  );

  it.each([
    ["GIF89a...", "a GIF"],
    ["II*\0....", "a TIFF"],
    ["MM\0*....", "a TIFF"],
    ["%PDF-1.7", "a PDF"],
    ["BM......", "a BMP"],
    ["<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG or other XML"],
    ['\xef\xbb\xbf <?xml version="1.0"?><svg/>', "an SVG or other XML"],
    [
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a",
      "a Git LFS pointer, which `git lfs pull` replaces with the file",
    ],
    ["<!doctype html>\n<html>", "an HTML page, which servers may send instead of a file"],
    ["\n <html lang='en'>", "an HTML page, which servers may send instead of a file"],
    ["\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIF picture other than AVIF"],
    ["", "an empty file"],
    ["hello", "unknown data"],
  ])("names what it refuses: %j", (head, found) => {
    expect(sniffImage(bytes(head))).toEqual({ found });
  });

  it("finds avif among the compatible brands but not beyond the box", () => {
    expect(sniffImage(bytes("\0\0\0\x18ftypmif1\0\0\0\0avifmiaf"))).toEqual({ format: "avif" });
    expect(sniffImage(bytes("\0\0\0\x10ftypmif1\0\0\0\0avifmiaf"))).toHaveProperty("found");
  });
});
