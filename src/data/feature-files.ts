import { existsSync } from "node:fs";
import { join, parse } from "node:path/posix";
import { BadFileError, quote } from "../files/reading/errors.ts";

/** Extension of a feature file: for captions and for pictures. */
export type FeatureExtension = ".npz" | ".npy";

/** Number of mismatches listed individually; the rest are counted. */
const TOLD = 5;

/**
 * Names under which PixArt's tools look for or write a picture's features: `a/b_c` for `a/b/c.png` (the loaders), `b_c` (the tool
 * for several aspect ratios) and `c` (the tool for squares and for captions).
 */
export function featureNames(picture: string, extension: FeatureExtension): readonly string[] {
  const { dir, name } = parse(picture);
  if (dir === "") return [`${name}${extension}`];
  const above = parse(dir).base;
  return [...new Set([`${dir}_${name}`, `${above}_${name}`, name])].map(
    (each) => `${each}${extension}`,
  );
}

/** A folder of features from another tool, one file per picture; counts matches and mismatches. */
export class FeatureFiles {
  readonly #folder: string;
  readonly #extension: FeatureExtension;
  /** How many pictures of the data set could have a file with this name. */
  readonly #claims = new Map<string, number>();
  readonly #told: string[] = [];
  #misfits = 0;
  #taken = 0;

  /** @param pictures names of all pictures of the data set, below its folder */
  constructor(folder: string, extension: FeatureExtension, pictures: readonly string[]) {
    this.#folder = folder;
    this.#extension = extension;
    for (const name of pictures.flatMap((picture) => featureNames(picture, extension)))
      this.#claims.set(name, (this.#claims.get(name) ?? 0) + 1);
  }

  /**
   * Reads a picture's file with `read`; undefined if there is none or if it throws BadFileError, which is recorded for the
   * report.
   */
  take<T>(picture: string, read: (path: string) => T): T | undefined {
    try {
      const path = this.#pathOf(picture);
      if (path === undefined) return undefined;
      const made = read(path);
      this.#taken++;
      return made;
    } catch (error) {
      if (!(error instanceof BadFileError)) throw error;
      this.#misfits++;
      if (this.#told.length < TOLD) this.#told.push(error.message);
      return undefined;
    }
  }

  #pathOf(picture: string): string | undefined {
    for (const name of featureNames(picture, this.#extension)) {
      const path = join(this.#folder, name);
      if (!existsSync(path)) continue;
      const count = this.#claims.get(name) ?? 0;
      if (count <= 1) return path;
      const advice = `name it ${featureNames(picture, this.#extension)[0]} to say that it belongs to ${quote(picture)}`;
      throw new BadFileError(path, "name", "the name of one picture", `that of ${count}`, advice);
    }
    return undefined;
  }

  /** Summary for the user. */
  report(): string[] {
    const more = this.#misfits - this.#told.length;
    return [
      `Features in ${this.#folder}: ${this.#taken} taken, ${this.#misfits} did not fit`,
      ...this.#told.map((line) => `  ${line}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ];
  }
}
