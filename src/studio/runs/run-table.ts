import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { findRuns } from "../../training/run-folder/find-runs.ts";
import { isRunFolder } from "../../training/run-folder/run-folder.ts";

/** A run folder found by a scan. */
export interface RunPlace {
  /** Does not reveal its location. */
  readonly id: string;
  /** With links resolved. */
  readonly path: string;
  /** Relative to the folder that was scanned. */
  readonly name: string;
}

/** The id for a path with links resolved. */
export const idOf = (path: string): string =>
  createHash("sha256").update(path).digest("base64url").slice(0, 16);

const placeOf = (path: string, name: string): RunPlace => ({ id: idOf(path), path, name });

/**
 * The runs in some folders, or the folders themselves if they are runs. Clients refer to them by id, so a path from a client is
 * never opened; a link in one of the folders is not a run.
 */
export class RunTable {
  readonly #roots: readonly string[];
  #places = new Map<string, RunPlace>();

  /** @param roots folders, which need not exist yet */
  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  get roots(): readonly string[] {
    return this.#roots;
  }

  get places(): readonly RunPlace[] {
    return [...this.#places.values()];
  }

  find(id: string): RunPlace | undefined {
    return this.#places.get(id);
  }

  /** Scans the folders again. True if the set of runs has changed. */
  async scan(): Promise<boolean> {
    const found = new Map<string, RunPlace>();
    for (const root of this.#roots)
      for (const place of await runsIn(root)) found.set(place.id, place);
    const isSame =
      found.size === this.#places.size && [...found.keys()].every((id) => this.#places.has(id));
    this.#places = found;
    return !isSame;
  }
}

async function runsIn(root: string): Promise<RunPlace[]> {
  const real = await realpath(root).catch(() => undefined);
  const found = real === undefined ? undefined : await stat(real).catch(() => undefined);
  if (real === undefined || !found?.isDirectory()) return [];
  if (isRunFolder(real)) return [placeOf(real, basename(real))];
  const names = await findRuns(real).catch(() => []);
  return names.map((name) => placeOf(join(real, name), name));
}
