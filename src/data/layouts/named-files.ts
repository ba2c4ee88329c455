import { basename, relative, resolve, sep } from "node:path";
import type { Listing } from "./list-files.ts";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";

/** Looks up the files of a data set by the names in tables. */
export class NamedFiles {
  readonly #root: string;
  readonly #files: ReadonlySet<string>;
  /** By path in one Unicode normalization form: macOS decomposes accented letters. */
  readonly #byForm: ReadonlyMap<string, string>;
  /** Pictures by their paths without extension. */
  readonly #byStem: ReadonlyMap<string, string>;
  /** By last path component in lower case; null if several files share it. Created on first use. */
  #byName: Map<string, string | null> | undefined;

  constructor({ root, files }: Listing) {
    this.#root = root;
    this.#files = new Set(files);
    this.#byForm = new Map(files.map((file) => [file.normalize(), file]));
    const pictures = files.filter((file) => PICTURE_NAME.test(file));
    this.#byStem = new Map(pictures.map((file) => [stemOf(file).normalize(), file]));
  }

  /** The file with a name below a folder; the name may use Windows' `\` or another Unicode form. Undefined if there is none. */
  find(folder: string, name: string): string | undefined {
    for (const spelling of spellings(name)) {
      const path = resolve(folder, spelling);
      const found = this.#files.has(path) ? path : this.#byForm.get(path.normalize());
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The picture with a name without its extension; dots in the name do not start an extension. */
  findStem(folder: string, name: string): string | undefined {
    const paths = spellings(name).map((spelling) => resolve(folder, spelling).normalize());
    return paths.map((path) => this.#byStem.get(path)).find((found) => found !== undefined);
  }

  /** Where an unlisted file with this name would be; undefined if that is outside the data set's folder. */
  expected(folder: string, name: string): string | undefined {
    const [literal = name, slashed = literal] = spellings(name);
    const path = resolve(folder, slashed);
    return path.startsWith(this.#root + sep) && !name.includes("\0") ? path : undefined;
  }

  /** What to write in a table instead of a name that does not exist; undefined if there is no candidate or several. */
  suggest(folder: string, name: string): string | undefined {
    const parts = name.split(/[\\/]/);
    const inner = parts
      .map((_, from) => this.find(folder, parts.slice(from).join("/")))
      .find((found) => found !== undefined);
    this.#byName ??= byName(this.#files);
    const found = inner ?? this.#byName.get(nameKey(parts.at(-1) ?? ""));
    return found ? relative(folder, found).replaceAll(sep, "/") : undefined;
  }
}

/** The name as it is, then with `/` for Windows' `\`, which other systems do not treat as a separator. */
const spellings = (name: string): string[] =>
  name.includes("\\") ? [name, name.replaceAll("\\", "/")] : [name];

const nameKey = (name: string): string => name.normalize().toLowerCase();

function byName(files: Iterable<string>): Map<string, string | null> {
  const named = new Map<string, string | null>();
  for (const file of files) {
    const key = nameKey(basename(file));
    named.set(key, named.has(key) ? null : file);
  }
  return named;
}
