import { readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { distance } from "fastest-levenshtein";
import { expected, InvalidValueError } from "../errors/index.ts";
import { shippedModel, shippedModels } from "./shipped-models.ts";

/** huggingface_hub's rule (`utils/_validators.py`). A namespace is required: a bare word is more likely a mistyped folder. */
const NAME = /^\b[\w.-]{1,96}\b\/\b[\w.-]{1,96}\b$/;
const REVISION = /^[\w][\w.+-]*(\/[\w][\w.+-]*)*$/;

/** Kind of repository: models and data sets may have the same name. */
export type RepositoryType = "model" | "dataset";

/** A repository on the Hub. */
export interface Repository {
  readonly type: RepositoryType;
  /** `org/name` */
  readonly name: string;
  /** How to get the folder, if the name may have meant one. */
  readonly advice?: string | undefined;
}

/** How messages name a kind of repository. */
export const KINDS: Readonly<Record<RepositoryType, string>> = {
  model: "model",
  dataset: "data set",
};

/** A local path, or the name of a repository on the Hub. */
export type RepositoryPlace = { readonly path: string } | { readonly name: string };

/** Whether a text looks like a name on the Hub; a folder may look the same. */
export const isRepositoryName = (text: string): boolean =>
  NAME.test(text) && !/--|\.\.|\.git$/.test(text);

const HERE: Readonly<Record<RepositoryType, string>> = {
  model: "folder",
  dataset: "folder or file",
};

const EXAMPLES: Readonly<Record<RepositoryType, string>> = {
  model: "PixArt-alpha/PixArt-XL-2-1024-MS",
  dataset: "lambdalabs/naruto-blip-captions",
};

/** Whether a text can only be a path: `./a`, `/a`, `~/a`, `a/`, `a/b/c`. */
const isPath = (text: string): boolean => /^[.~]|^\/|\/$|\/.*\//.test(text);

/**
 * Distinguishes paths from Hub names: an existing path is no name, a data set may be a file, and a bare word may be a model of
 * the package. Throws for anything else; `advice` then says how to get the folder.
 */
export function parseRepository(
  given: string,
  type: RepositoryType,
  advice?: string,
): RepositoryPlace {
  const found = statSync(given, { throwIfNoEntry: false });
  if (found?.isDirectory() || (found && type === "dataset")) return { path: given };
  if (found === undefined) {
    const shipped = type === "model" ? shippedModel(given) : undefined;
    if (shipped !== undefined) return { path: shipped };
    if (isRepositoryName(given)) return { name: given };
  }
  throw expected(
    wanted(given, type),
    `the ${KINDS[type]}`,
    `${JSON.stringify(given)}${found === undefined ? hint(given, advice) : ", which is a file"}`,
  );
}

/** What a text may have meant that is neither a folder nor a name. */
function wanted(given: string, type: RepositoryType): string {
  if (isPath(given)) return `an existing ${HERE[type]}`;
  const models =
    type === "model" ? `, a model of this package (${shippedModels().join(", ")})` : "";
  return `an existing ${HERE[type]}${models} or a name on the Hub such as ${JSON.stringify(EXAMPLES[type])}`;
}

/** How to get a missing folder, or which one was meant. */
function hint(given: string, advice: string | undefined): string {
  if (advice !== undefined) return ` (${advice})`;
  if (given.startsWith("~")) return ` ("~" works only in a shell: write the whole path)`;
  const near = nearestFolder(given) ?? nearestOf(basename(given), shippedModels());
  return near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
}

/** For a name not found on the Hub: says that there is no folder of that name either, because `a/b` is first of all a path. */
export const missingHere = ({ name, type, advice }: Repository): string =>
  `no ${HERE[type]} ${name} here${hint(name, advice)}`;

/** Throws if a revision was given for a local path, which has none. */
export function refuseRevision(path: string, revision: string | undefined): void {
  if (revision === undefined) return;
  const what = statSync(path).isDirectory() ? "folder" : "file";
  throw new InvalidValueError(
    `Expected a name on the Hub to go with revision ${JSON.stringify(revision)} but received the ${what} ${path}`,
  );
}

/** Throws for what can't be a branch, a tag or a commit, and would escape the cache's folder of references. */
export function checkRevision(revision: string): void {
  if (!REVISION.test(revision) || revision.includes("..")) {
    throw expected("a branch, a tag or a commit", "revision", JSON.stringify(revision));
  }
}

/** The folder that a path, or a name unknown to the Hub, is most likely a typo of. */
export function nearestFolder(given: string): string | undefined {
  const parent = dirname(given);
  const near = nearestOf(basename(given), foldersIn(parent));
  if (near === undefined) return undefined;
  const path = join(parent, near);
  return isAbsolute(path) || path.startsWith("..") ? path : `./${path}`;
}

/** The name that another is most likely a typo of. */
function nearestOf(given: string, names: readonly string[]): string | undefined {
  const wanted = given.toLowerCase();
  return names
    .map((name) => ({ name, edits: distance(wanted, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= Math.max(1, wanted.length / 3))
    .sort((a, b) => a.edits - b.edits)[0]?.name;
}

function foldersIn(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // no such folder, or not readable: nothing to suggest
  }
}
