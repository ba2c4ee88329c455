import { basename, relative, resolve, sep } from "node:path";
import type { Listing } from "./list-files.ts";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";

/** The files of a data set by the names that tables give them. */
export class NamedFiles {
  readonly #root: string;
  readonly #files: ReadonlySet<string>;
  /** By paths in one form of Unicode: macOS takes letters with accents apart. */
  readonly #byForm: ReadonlyMap<string, string>;
  /** Pictures by their paths without extension. */
  readonly #byStem: ReadonlyMap<string, string>;
  /** By last parts of paths in lower case; null where several files have it. Made when it is first asked for. */
  #byName: Map<string, string | null> | undefined;

  constructor({ root, files }: Listing) {
    this.#root = root;
    this.#files = new Set(files);
    this.#byForm = new Map(files.map((file) => [file.normalize(), file]));
    const pictures = files.filter((file) => PICTURE_NAME.test(file));
    this.#byStem = new Map(pictures.map((file) => [stemOf(file).normalize(), file]));
  }

  /** The file of a name below a folder, which may be spelled with Windows' `\` or in another form of Unicode; undefined where there is none. */
  find(folder: string, name: string): string | undefined {
    for (const spelling of spellings(name)) {
      const path = resolve(folder, spelling);
      const found = this.#files.has(path) ? path : this.#byForm.get(path.normalize());
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The picture of a name without its extension; a dot in it begins none. */
  findStem(folder: string, name: string): string | undefined {
    const paths = spellings(name).map((spelling) => resolve(folder, spelling).normalize());
    return paths.map((path) => this.#byStem.get(path)).find((found) => found !== undefined);
  }

  /** Where the file of a name that is not listed would be; undefined where that is out of the data set's folder. */
  expected(folder: string, name: string): string | undefined {
    const [literal = name, slashed = literal] = spellings(name);
    const path = resolve(folder, slashed);
    return path.startsWith(this.#root + sep) && !name.includes("\0") ? path : undefined;
  }

  /** What to write in a table in place of a name that is not there; undefined where no file or several may be meant. */
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

/** As it stands, then with `/` for Windows' `\`, which no other system takes for the same. */
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
