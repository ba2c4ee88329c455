import { existsSync } from "node:fs";
import { join, parse } from "node:path/posix";
import { BadFileError, quote } from "../files/reading/errors.ts";

/** What a feature file's name ends with: captions' and pictures'. */
export type FeatureExtension = ".npz" | ".npy";

/** Misfits that are told one by one; the others are counted. */
const TOLD = 5;

/**
 * The names under which PixArt's tools look for a picture's features or leave them: `a/b_c` for `a/b/c.png` (the loaders),
 * `b_c` (the tool for several aspect ratios) and `c` (the tool for squares and for captions).
 */
export function featureNames(picture: string, extension: FeatureExtension): readonly string[] {
  const { dir, name } = parse(picture);
  if (dir === "") return [`${name}${extension}`];
  const above = parse(dir).base;
  return [...new Set([`${dir}_${name}`, `${above}_${name}`, name])].map(
    (each) => `${each}${extension}`,
  );
}

/** A folder of features that another tool made, a file a picture; keeps count of what came of it. */
export class FeatureFiles {
  readonly #folder: string;
  readonly #extension: FeatureExtension;
  /** How many pictures of the data set might have a file of this name. */
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

  /** What `read` makes of a picture's file; undefined where there is none or where it throws BadFileError, which is kept to be told. */
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
      const advice = `name it ${featureNames(picture, this.#extension)[0]} to say that it is of ${quote(picture)}`;
      throw new BadFileError(path, "name", "that of one picture", `that of ${count}`, advice);
    }
    return undefined;
  }

  /** What came of it, for people. */
  report(): string[] {
    const more = this.#misfits - this.#told.length;
    return [
      `Features in ${this.#folder}: ${this.#taken} taken, ${this.#misfits} did not fit`,
      ...this.#told.map((line) => `  ${line}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ];
  }
}
