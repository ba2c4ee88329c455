import { BadFileError } from "./errors.ts";

/** How many bytes show what a file is that stands in another's place. */
export const SHOWING_BYTES = 200;

const STAND_INS: readonly { begins: RegExp; found: string; advice: string }[] = [
  {
    begins: /^version https:\/\/git-lfs\.github\.com\/spec\/v\d/,
    found: "a pointer of Git LFS, which stands for the file",
    advice: "fetch the file itself: git lfs pull, or download it again",
  },
  {
    begins: /^(?:\ufeff)?\s*<(?:!doctype html|html|head|\?xml|!--)/i,
    found: "a web page (HTML or XML)",
    advice: "what it was downloaded from answered with a page: download the file itself",
  },
];

/** Throws BadFileError where a file begins like one of those that downloads leave in the place of what was wanted. */
export function refuseStandIn(path: string, expected: string, start: Uint8Array | string): void {
  const text = typeof start === "string" ? start : Buffer.from(start).toString("utf8");
  const shown = text.slice(0, SHOWING_BYTES);
  const standIn = STAND_INS.find(({ begins }) => begins.test(shown));
  if (standIn !== undefined)
    throw new BadFileError(path, "file", expected, standIn.found, standIn.advice);
}
