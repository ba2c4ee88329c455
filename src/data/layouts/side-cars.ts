import { extname } from "node:path";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";

/** Extensions of the caption files next to pictures, in any case. */
export const SIDE_CARS: readonly string[] = [".txt", ".caption"];

/** The caption files next to pictures: with the same name, in any Unicode form. */
export class SideCars {
  /** The ones that have a picture. */
  readonly files: readonly string[];
  readonly #byStem = new Map<string, string>();

  constructor(files: readonly string[]) {
    const stems = new Set(files.filter((file) => PICTURE_NAME.test(file)).map(nameOf));
    const found = files.filter((file) => SIDE_CARS.includes(extname(file).toLowerCase()));
    this.files = found.filter((file) => stems.has(nameOf(file)));
    // `.txt` before `.caption`, and the usual spelling before `.TXT`.
    for (const file of found.toSorted((a, b) => rankOf(a) - rankOf(b))) {
      if (!this.#byStem.has(nameOf(file))) this.#byStem.set(nameOf(file), file);
    }
  }

  /** The caption file of a picture; undefined if there is none. */
  of(picture: string): string | undefined {
    return this.#byStem.get(nameOf(picture));
  }
}

/** macOS decomposes é into two characters in file names; other systems use one. */
const nameOf = (path: string): string => stemOf(path).normalize("NFC");

const rankOf = (file: string): number => {
  const end = extname(file);
  const usual = SIDE_CARS.indexOf(end.toLowerCase());
  return 2 * usual + (SIDE_CARS[usual] === end ? 0 : 1);
};
