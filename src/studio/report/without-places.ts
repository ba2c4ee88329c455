import { win32 } from "node:path";

/** What a report must not tell. */
export interface Places {
  /** Known ones: a path with spaces can't be found in a sentence without knowing it. */
  readonly folders: readonly string[];
  readonly hosts: readonly string[];
}

/** Stands for a host's name. */
const SOME_HOST = "a machine";

const PLACE = /^(\/|~[\\/]|\.\.[\\/]|[a-z]:[\\/]|\\\\)/i;
/** Paths in quotes may contain spaces. URLs are no paths, except those of files. */
const QUOTED = /(["'`“])(\/|[a-z]:[\\/]|\\\\)([^"'`“”\n]*)(?=["'`”])/gi;
const URL_OR_PATH =
  /\b(?!file:)[a-z][a-z0-9+.-]+:\/\/[^\s"'`<>]*|(?:file:\/\/|(?<![\w./~…-]))(?:~?\/|(?:\.\.[\\/])+|\b[a-z]:[\\/]|\\\\)[^\s"'`“”<>()[\]{},;:]+/gi;

/** Where the last pattern takes a path to end. */
const STOPS = /[\s"'`“”<>()[\]{},;:]/;

/** Length of a drive's name. */
const DRIVE = "C:".length;

/** A copy of JSON whose texts have no absolute paths, only their last parts, and no names of hosts. */
export function withoutPlaces<T>(value: T, places: Places): T {
  const known = new Map([
    ...places.folders.flatMap(ancestorsOf).map((folder) => [folder, "…"] as const),
    ...places.folders.map((folder) => [folder, lastPart(folder)] as const),
  ]);
  const folders = [...known]
    .filter(([folder]) => PLACE.test(folder) && STOPS.test(folder.slice(DRIVE)))
    .sort(([a], [b]) => b.length - a.length)
    .map(([folder, last]) => [wordOf(folder), last] as const);
  const hosts = places.hosts.filter((host) => host !== "").map(hostOf);
  const textWithout = (text: string): string => {
    let left = text;
    for (const [folder, last] of folders) left = left.replaceAll(folder, () => last);
    left = left
      .replaceAll(QUOTED, (_, quote: string, root: string, rest: string) =>
        quote.concat(lastPart(root + rest)),
      )
      .replaceAll(URL_OR_PATH, (found) =>
        /^(?!file:)[a-z]\w+:/i.test(found) ? found : lastPart(found),
      );
    for (const host of hosts) left = left.replaceAll(host, SOME_HOST);
    return left;
  };
  const without = (part: unknown): unknown => {
    if (typeof part === "string") return textWithout(part);
    if (Array.isArray(part)) return part.map(without);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, without(inner)]));
  };
  return without(value) as T;
}

/** All texts in JSON that are paths as a whole. */
export function pathsIn(value: unknown): string[] {
  if (typeof value === "string") return PLACE.test(value) && !value.includes("\n") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(pathsIn);
}

/** The folders that a path is in, without the root. */
function ancestorsOf(path: string): string[] {
  const parent = win32.dirname(path);
  return parent === path || lastPart(parent) === "" ? [] : [parent, ...ancestorsOf(parent)];
}

const lastPart = (path: string): string => win32.basename(path); // which knows both separators

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A folder as a whole, not as a part of another path. */
const wordOf = (folder: string): RegExp =>
  new RegExp(`(?<![\\w./\\\\-])${quoted(folder.replace(/[\\/]+$/, ""))}(?![\\w-])`, "g");

/** A host's name as a word of its own, with its domain. */
const hostOf = (host: string): RegExp =>
  new RegExp(`(?<![\\w.-])${quoted(host)}(?:\\.[\\w-]+)*(?![\\w-])`, "g");
