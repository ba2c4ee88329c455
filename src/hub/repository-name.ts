import { readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { distance } from "fastest-levenshtein";

/** huggingface_hub's rule (`utils/_validators.py`). A namespace is required: a bare word is more likely a mistyped folder. */
const NAME = /^\b[\w.-]{1,96}\b\/\b[\w.-]{1,96}\b$/;
const REVISION = /^[\w][\w.+-]*(\/[\w][\w.+-]*)*$/;

/** What a repository holds: names of models and of data sets do not collide. */
export type RepositoryType = "model" | "dataset";

/** A repository on the Hub. */
export interface Repository {
  readonly type: RepositoryType;
  /** `org/name` */
  readonly name: string;
}

/** What messages call a repository. */
export const KINDS: Readonly<Record<RepositoryType, string>> = {
  model: "model",
  dataset: "data set",
};

/** What is on this disk, as it was given, or the name of a repository on the Hub. */
export type RepositoryPlace = { readonly path: string } | { readonly name: string };

/** Whether a text has the form of a name on the Hub; a folder may have it too. */
export const isRepositoryName = (text: string): boolean =>
  NAME.test(text) && !/--|\.\.|\.git$/.test(text);

const EXPECTED: Readonly<Record<RepositoryType, string>> = {
  model: 'an existing folder or a name on the Hub such as "PixArt-alpha/PixArt-XL-2-1024-MS"',
  dataset:
    'an existing folder or file or a name on the Hub such as "lambdalabs/naruto-blip-captions"',
};

/** Tells folders from names: what exists is no name, and a data set may be a file. Throws for everything that is neither. */
export function placeOf(given: string, type: RepositoryType): RepositoryPlace {
  const found = statSync(given, { throwIfNoEntry: false });
  if (found?.isDirectory() || (found && type === "dataset")) return { path: given };
  if (found === undefined && isRepositoryName(given)) return { name: given };
  const near = found === undefined ? nearestFolder(given) : undefined;
  const advice = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
  throw new Error(
    `Expected ${EXPECTED[type]} for the ${KINDS[type]} but received ${JSON.stringify(given)}${found === undefined ? "" : ", which is a file"}${advice}`,
  );
}

/** Throws where a revision was given with what is on this disk, which has none. */
export function refuseRevision(path: string, revision: string | undefined): void {
  if (revision === undefined) return;
  const what = statSync(path).isDirectory() ? "folder" : "file";
  throw new Error(
    `Expected a name on the Hub to go with revision ${JSON.stringify(revision)} but received the ${what} ${path}`,
  );
}

/** Throws for what cannot be a branch, a tag or a commit, and would leave the cache's folder of references. */
export function checkRevision(revision: string): void {
  if (!REVISION.test(revision) || revision.includes("..")) {
    throw new Error(
      `Expected a branch, a tag or a commit for revision but received ${JSON.stringify(revision)}`,
    );
  }
}

/** The folder that a path, or a name that the Hub does not know, is most likely a slip of. */
export function nearestFolder(given: string): string | undefined {
  const parent = dirname(given);
  const wanted = basename(given).toLowerCase();
  const near = foldersIn(parent)
    .map((name) => ({ name, edits: distance(wanted, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= Math.max(1, wanted.length / 3))
    .sort((a, b) => a.edits - b.edits)[0];
  if (near === undefined) return undefined;
  const path = join(parent, near.name);
  return isAbsolute(path) || path.startsWith("..") ? path : `./${path}`;
}

function foldersIn(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // no such folder, or none that may be read: nothing to suggest
  }
}
