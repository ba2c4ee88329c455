import { quote } from "../../files/reading/errors.ts";
import type { DatasetEntry, SplitCount } from "../dataset.ts";
import type { FoundPicture } from "./found-picture.ts";

/** The purpose of a split, by the names that `datasets` knows (data_files.py, `SPLIT_KEYWORDS`) and "heldout". */
type Split = "train" | "validation" | "test" | "heldout";

/** Whole words, not part of longer ones, as in `val2017` and `cats-test-00.tar`. */
const WORDS =
  /(?<!\p{L})(?:(train(?:ing)?)|(validation|valid|val|dev)|(test(?:ing)?|eval(?:uation)?)|(held[-_ ]?out|hold[-_ ]?out))(?!\p{L})/iu;
const SPLITS: readonly Split[] = ["train", "validation", "test", "heldout"];

/** The first split among the words of a name; undefined if there is none. */
function splitIn(name: string): Split | undefined {
  const found = WORDS.exec(name);
  return SPLITS.find((_, i) => found?.[i + 1] !== undefined);
}

/** Whether a picture belongs to a split that is never trained on. */
export function isHeldOut({ columns }: Pick<DatasetEntry, "columns">): boolean {
  const { split } = columns;
  const found = typeof split === "string" ? splitIn(split) : undefined;
  return found !== undefined && found !== "train";
}

/** A split's name in a form that can start a file name; pictures without a split are trained on. */
export function splitFileName({ columns }: Pick<DatasetEntry, "columns">): string {
  const { split } = columns;
  if (typeof split !== "string") return "train";
  return /^\w+$/.test(split) ? split : (splitIn(split) ?? "train");
}

/** A path with folders that indicate a picture's split: its own path, or that path inside a folder for the split. */
export function inSplitFolder({ file, columns }: Pick<DatasetEntry, "file" | "columns">): string {
  const split = splitFileName({ columns });
  const known = file.split("/").slice(0, -1).map(splitIn);
  return known.includes(splitIn(split)) ? file : `${split}/${file}`;
}

/** The Hub's file names: `data/train-00000-of-00002-….parquet`. */
const NUMBERED = /^(\w[\w.-]*?)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;

/**
 * The split indicated by the name of a shard or table or by its folders, as in `datasets`: `data/val-00000-of-00001.parquet`,
 * `test.parquet`, `cats-test-0000.tar`, `validation/0000.parquet`, `partial-train/0000.parquet`.
 */
export function splitOf(name: string): string | undefined {
  const parts = name.split("/");
  const file = parts.pop() ?? "";
  const numbered = NUMBERED.exec(file)?.[1];
  if (numbered !== undefined && (file.endsWith(".parquet") || splitIn(numbered) !== undefined)) {
    return numbered;
  }
  return [file.replace(/\.[^.]*$/, ""), ...parts.reverse()].map(splitIn).find((split) => split);
}

/** Pictures with the splits that their locations indicate, and notes on ambiguous folders. */
export interface PlacedPictures {
  readonly pictures: readonly FoundPicture[];
  readonly notes: readonly string[];
}

/**
 * Assigns pictures without a column `split` the split of their shard, table or folder. Folders are splits if one of them is
 * `train`, at any depth. At the top and in `data`, a lone `test` next to at most one other folder is a split too, and so are
 * several different split names; a `test` among many folders is treated as a subject.
 */
export function placeInSplits(pictures: readonly FoundPicture[]): PlacedPictures {
  const folders = new SplitFolders(pictures.filter(hasNoSplit).map(folderOf));
  const notes = new Set<string>();
  const placed = pictures.map((picture) => {
    if (!hasNoSplit(picture)) return picture;
    const { container } = picture;
    const ofFile = container === undefined ? undefined : splitOf(container);
    const split = ofFile ?? folders.splitOf(folderOf(picture));
    if (split === undefined) return picture;
    notes.add(`Splits were read off the names of ${ofFile === undefined ? "folders" : "files"}`);
    return withSplit(picture, split);
  });
  return { pictures: placed, notes: [...notes, ...folders.notes] };
}

/** A null column gives no information. */
const hasNoSplit = ({ columns: { split } }: FoundPicture): boolean =>
  split === undefined || split === null;

const folderOf = ({ container, file }: FoundPicture): string =>
  container === undefined ? file : `${container}/${file}`;

function withSplit(picture: FoundPicture, split: string): FoundPicture {
  const { file, path, text, captions, container, control, columns } = picture;
  const read = (): Promise<Uint8Array> => picture.read();
  const placed = { ...columns, split };
  return { file, path, text, captions, container, control, columns: placed, read };
}

/** The picture folders that are splits. */
class SplitFolders {
  readonly notes: string[] = [];
  readonly #splits = new Map<string, Split>();

  constructor(places: readonly string[]) {
    const children = new Map<string, Set<string>>();
    for (const place of places) {
      const parts = place.split("/").slice(0, -1);
      for (const [depth, name] of parts.entries()) {
        const parent = parts.slice(0, depth).join("/");
        const known = children.get(parent);
        if (known === undefined) children.set(parent, new Set([name]));
        else known.add(name);
      }
    }
    for (const [parent, names] of children) this.#decide(parent, [...names]);
  }

  /** The split of the outermost folder that is one. */
  splitOf(place: string): Split | undefined {
    const parts = place.split("/").slice(0, -1);
    return parts
      .map((_, depth) => this.#splits.get(parts.slice(0, depth + 1).join("/")))
      .find((split) => split);
  }

  #decide(parent: string, names: readonly string[]): void {
    const named = names.flatMap((name) => {
      const split = splitIn(name);
      return split === undefined ? [] : [{ name, split }];
    });
    if (named.length === 0) return;
    const path = (name: string): string => (parent === "" ? name : `${parent}/${name}`);
    const isTop = parent === "" || parent === "data";
    // `test` and `val2017`, but not `test tubes`.
    const plain = named.filter(({ name }) => /^[a-z]+([-_ ]out)?[-_ ]?\d*$/i.test(name));
    const others = names.length - plain.length;
    if (named.some(({ split }) => split === "train")) {
      for (const { name, split } of named) this.#splits.set(path(name), split);
    } else if (isTop && (others <= 1 || new Set(plain.map(({ split }) => split)).size > 1)) {
      for (const { name, split } of plain) this.#splits.set(path(name), split);
    } else if (isTop) {
      for (const { name } of plain) {
        this.notes.push(
          `The folder ${quote(path(name))} is trained on like the ${others} others next to it: if it is a split, put the others into a folder "train"`,
        );
      }
    }
  }
}

/** Number of pictures per split; empty if nothing marks splits. */
export function countSplits(entries: readonly Pick<DatasetEntry, "columns">[]): SplitCount[] {
  const counts = new Map<string | null, { pictures: number; isHeldOut: boolean }>();
  for (const entry of entries) {
    const { split } = entry.columns;
    const name = split === undefined || split === null ? null : String(split);
    const earlier = counts.get(name)?.pictures ?? 0;
    counts.set(name, { pictures: earlier + 1, isHeldOut: isHeldOut(entry) });
  }
  if (counts.size === 1 && counts.has(null)) return [];
  return [...counts]
    .map(([split, count]) => ({ split, ...count }))
    .sort((a, b) => Number(a.isHeldOut) - Number(b.isHeldOut) || b.pictures - a.pictures);
}
