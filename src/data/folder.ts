import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { type FileHandle, open, readdir, readFile } from "node:fs/promises";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { ACCEPTED_FORMATS, SNIFFED_BYTES, sniffImage } from "../images/index.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import { type MetadataLine, readMetadataLines } from "./metadata-lines.ts";

/** One captioned picture of a folder. */
export interface ImageEntry {
  /** Path below the folder, with `/`. */
  readonly file: string;
  /** Absolute path. */
  readonly path: string;
  readonly text: string;
  /** The other columns of its metadata line; empty for a caption in a file of its own. */
  readonly columns: Readonly<Record<string, unknown>>;
}

/** A file that can't be used, and why. */
export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** What `readImageFolder` found. */
export interface ImageFolder {
  /** Absolute path. */
  readonly folder: string;
  /** The pictures that can be trained on, sorted by file. */
  readonly entries: readonly ImageEntry[];
  /** How many pictures there are or are named: entries, missing captions and unreadable files. */
  readonly images: number;
  /** How many of them are entries. */
  readonly captioned: number;
  /** Absolute paths of the readable pictures without a caption. */
  readonly missingCaption: readonly string[];
  readonly unreadable: readonly Unreadable[];
}

/** Pictures by their names; those of other formats are listed as unreadable, not overlooked. */
const PICTURE_NAME = /\.(jpe?g|png|webp|avif|gif|tiff?|bmp|svg|heic|jxl)$/i;
const METADATA_NAME = "metadata.jsonl";
const SIDE_CARS = [".txt", ".caption"] as const;
const LAYOUTS =
  `Accepted are a ${METADATA_NAME} with one {"file_name": …, "text": …} a line, ` +
  `or beside each picture a caption file of the same name that ends in ${SIDE_CARS.join(" or ")}`;
const OPEN_FILES = 16;

/**
 * Lists a folder of captioned pictures, sub-folders included: `metadata.jsonl` files first, then
 * `.txt` or `.caption` files beside the pictures. Nothing is decoded, but the first bytes of every
 * picture are looked at. Throws where there is no picture, where none has a caption, for a
 * metadata line that can't be read, and for a `file_name` that leads out of the folder.
 */
export async function readImageFolder(folder: string): Promise<ImageFolder> {
  const root = resolve(folder);
  const files = await listFiles(root);
  const captions = await readCaptions(root, files);
  const present = new Set(files);
  const pictures = new Set([
    ...files.filter((file) => PICTURE_NAME.test(file)),
    ...captions.keys(),
  ]);
  if (pictures.size === 0) throw new Error(`${root} holds no pictures. ${LAYOUTS}.`);

  const entries: ImageEntry[] = [];
  const missingCaption: string[] = [];
  const unreadable: Unreadable[] = [];
  await mapConcurrent([...pictures].sort(), OPEN_FILES, async (path) => {
    const line = captions.get(path);
    const caption = line?.text.trim() ? line.text : await readSideCar(path, present);
    const reason = caption instanceof Error ? caption.message : await refusal(path, line);
    if (reason !== undefined) unreadable.push({ path, reason });
    else if (caption === undefined || caption instanceof Error) missingCaption.push(path);
    else {
      const file = relative(root, path).replaceAll(sep, "/");
      entries.push({ file, path, text: caption, columns: line?.columns ?? {} });
    }
  });
  if (entries.length === 0) {
    throw new Error(
      `${root} holds ${pictures.size} pictures but none that can be used: ` +
        `${missingCaption.length} have no caption, ${unreadable.length} can't be read. ${LAYOUTS}.`,
    );
  }
  return {
    folder: root,
    entries: entries.sort((a, b) => (a.file < b.file ? -1 : 1)),
    images: pictures.size,
    captioned: entries.length,
    missingCaption: missingCaption.sort(),
    unreadable: unreadable.sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

/** Absolute paths of all files below, without hidden ones (`.cache/`, macOS's `._x.png`). */
async function listFiles(root: string): Promise<string[]> {
  let found: Dirent[];
  try {
    found = await readdir(root, { recursive: true, withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`Expected a folder of pictures for folder but received ${root} (${code})`, {
      cause: error,
    });
  }
  return found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/(^|[\\/])(\.|__MACOSX[\\/])/.test(relative(root, path)));
}

/** The metadata lines by the absolute path of their picture. */
async function readCaptions(
  root: string,
  files: readonly string[],
): Promise<Map<string, MetadataLine>> {
  const captions = new Map<string, MetadataLine>();
  for (const file of files.filter((path) => path.endsWith(sep + METADATA_NAME))) {
    for (const line of await readMetadataLines(file)) {
      const path = resolve(dirname(file), line.fileName);
      if (!path.startsWith(root + sep) || line.fileName.includes("\0")) {
        throw new Error(
          `${line.where}: expected a "file_name" inside ${root} but found ${JSON.stringify(line.fileName)}`,
        );
      }
      const earlier = captions.get(path);
      if (earlier !== undefined) {
        throw new Error(`${line.where}: "${line.fileName}" was named before, at ${earlier.where}`);
      }
      captions.set(path, line);
    }
  }
  return captions;
}

/** The caption beside a picture: undefined where there is none or it is blank. */
async function readSideCar(
  picture: string,
  present: ReadonlySet<string>,
): Promise<string | undefined | Error> {
  const stem = picture.slice(0, -extname(picture).length || undefined);
  const path = SIDE_CARS.map((extension) => stem + extension).find((file) => present.has(file));
  if (path === undefined) return undefined;
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) return new Error(`its caption ${path} is not UTF-8`);
  return (
    bytes
      .toString("utf8")
      .replace(/^\ufeff/, "")
      .trim() || undefined
  );
}

/** Why a picture can't be used, by its first bytes. */
async function refusal(path: string, line: MetadataLine | undefined): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && line !== undefined)
      return `there is no such file (named at ${line.where})`;
    return `can't be opened (${code})`;
  }
  try {
    const head = Buffer.alloc(SNIFFED_BYTES);
    const { bytesRead } = await file.read(head, 0, SNIFFED_BYTES, 0);
    const sniffed = sniffImage(head.subarray(0, bytesRead));
    return "found" in sniffed
      ? `expected ${ACCEPTED_FORMATS} but found ${sniffed.found}`
      : undefined;
  } catch (error) {
    return `can't be read (${(error as NodeJS.ErrnoException).code})`;
  } finally {
    await file.close();
  }
}
