/** Widths in ems of a wide sans-serif face (DejaVu Sans), rounded up: no font file is read. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[ijlI']/, 0.3],
  [/[ ,.|]/, 0.34],
  [/[ftr!:;()[\]/"-]/, 0.42],
  [/[cksvxyzJ?]/, 0.6],
  [/[A-LN-VX-Z\u0400-\u04ff]/, 0.78],
  [/[wM]/, 0.87],
  [/[mW@%]/, 1],
  [/\p{Script=Han}|\p{Script=Hangul}|[\p{Script=Hiragana}\p{Script=Katakana}]/u, 1.1],
  [/\p{Extended_Pictographic}/u, 1.4],
];
const OTHER_WIDTH = 0.64;

const ELLIPSIS = "…";

function widthEm(text: string): number {
  let width = 0;
  for (const letter of text) {
    width += WIDTHS.find(([pattern]) => pattern.test(letter))?.[1] ?? OTHER_WIDTH;
  }
  return width;
}

/**
 * Breaks a caption into at most `maxLines` lines of at most `maxWidthEm` ems, at spaces if possible and inside a word if
 * necessary; what does not fit is replaced by an ellipsis.
 */
export function captionLines(caption: string, maxWidthEm: number, maxLines: number): string[] {
  const words = caption.trim().split(/\s+/).filter(Boolean);
  const lines: string[] = [];
  let line = "";
  while (words.length > 0) {
    const word = words[0] as string;
    const longer = line === "" ? word : `${line} ${word}`;
    if (widthEm(longer) <= maxWidthEm) {
      line = longer;
      words.shift();
      continue;
    }
    if (lines.length === maxLines - 1) {
      lines.push(ellipsized(longer, maxWidthEm));
      return lines;
    }
    if (line === "") {
      line = longestPrefix(word, maxWidthEm);
      words[0] = word.slice(line.length);
    }
    lines.push(line);
    line = "";
  }
  if (line !== "") lines.push(line);
  return lines;
}

function ellipsized(text: string, maxWidthEm: number): string {
  return longestPrefix(text, maxWidthEm - widthEm(ELLIPSIS)).trimEnd() + ELLIPSIS;
}

/** As many letters as fit, but at least one: a caption must get shorter with every line. */
function longestPrefix(text: string, maxWidthEm: number): string {
  const letters = Array.from(text);
  let count = letters.length;
  while (count > 1 && widthEm(letters.slice(0, count).join("")) > maxWidthEm) count -= 1;
  return letters.slice(0, count).join("");
}
