import { BadFileError } from "./errors.ts";

/** Number of bytes that show what a file is that was saved in place of another. */
export const SHOWING_BYTES = 200;

/** The beginning of a Git LFS pointer. */
export const LFS_POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v\d/;

/** The beginning of an HTML page, read as UTF-8 or byte by byte. */
export const HTML_PAGE =
  /^\s*(?:\ufeff|\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)(?=[\s>])/i;

const STAND_INS: readonly { begins: RegExp; found: string; advice: string }[] = [
  {
    begins: LFS_POINTER,
    found: "a Git LFS pointer to the file",
    advice: "fetch the file itself: git lfs pull, or download it again",
  },
  ...[HTML_PAGE, /^(?:\ufeff)?\s*<(?:\?xml|!--)/i].map((begins) => ({
    begins,
    found: "a web page (HTML or XML)",
    advice: "the address it came from returned a page: download the file itself",
  })),
];

/** Throws BadFileError if a file begins like one of those that downloads leave instead of the wanted file. */
export function refuseStandIn(path: string, expected: string, start: Uint8Array | string): void {
  const text = typeof start === "string" ? start : Buffer.from(start).toString("utf8");
  const shown = text.slice(0, SHOWING_BYTES);
  const standIn = STAND_INS.find(({ begins }) => begins.test(shown));
  if (standIn !== undefined)
    throw new BadFileError(path, "file", expected, standIn.found, standIn.advice);
}
