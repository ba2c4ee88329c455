import { lstatSync, realpathSync } from "node:fs";
import { dirname, extname, join, sep } from "node:path";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { isObject, parseStrictJson, type StrictJson } from "../../files/reading/strict-json.ts";
import { LARGEST_FILE, readWholeSync } from "../../files/reading/whole-file.ts";
import { byteSize, type TensorSpec } from "./safetensors-header.ts";

/** No file system takes longer ones. */
const LONGEST_NAME = 255;
const PLAIN_FILE_NAME = /^[^/\\:\0]+\.(?:safetensors|bin)$/;

/**
 * Reads a `*.safetensors.index.json` or `*.bin.index.json`: tensor name to file name. Throws BadFileError for repeated tensors
 * and for file names that leave the folder, do not exist, or are links out of it (except to the blobs of the Hub's cache).
 */
export function readShardIndex(path: string): ReadonlyMap<string, string> {
  const index = parseShardIndex(path);
  for (const file of new Set(index.values())) checkShard(path, file);
  return index;
}

/** As {@link readShardIndex}, for an index whose files may not exist yet. */
export function parseShardIndex(path: string): ReadonlyMap<string, string> {
  const format = /\.bin\.index\.(?:[^/]*\.)?json$/.test(path) ? ".bin" : ".safetensors";
  let root: StrictJson;
  try {
    const limits = { expected: "a JSON file", atMost: LARGEST_FILE.index };
    root = parseStrictJson(readWholeSync(path, limits).toString("utf8"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BadFileError(path, "file", "JSON", quote(error.message));
  }
  const weightMap = isObject(root) ? root.weight_map : undefined;
  if (!isObject(weightMap)) {
    throw new BadFileError(
      path,
      "weight_map",
      "an object from tensor names to file names",
      quote(weightMap),
    );
  }
  const index = new Map<string, string>();
  for (const [tensor, file] of Object.entries(weightMap)) {
    const place = `weight_map ${quote(tensor)}`;
    // Every file of an index has the format that the index is named after.
    const isPlain =
      typeof file === "string" &&
      PLAIN_FILE_NAME.test(file) &&
      Buffer.byteLength(file) <= LONGEST_NAME;
    if (!isPlain || extname(file) !== format) {
      throw new BadFileError(
        path,
        place,
        `the plain name of a ${format} file of this folder`,
        quote(file),
      );
    }
    index.set(tensor, file);
  }
  return index;
}

function checkShard(indexPath: string, file: string): void {
  const path = join(dirname(indexPath), file);
  const found = lstatSync(path, { throwIfNoEntry: false });
  const place = `file ${quote(file)}`;
  if (found === undefined) {
    throw new BadFileError(
      indexPath,
      place,
      "a file that the index names",
      "nothing of that name",
      "the download is incomplete",
    );
  }
  if (!found.isSymbolicLink()) return;
  const target = realpathSync(path);
  const folder = realpathSync(dirname(indexPath));
  const allowed = [folder, ...hubBlobs(folder)];
  if (!allowed.some((place) => target.startsWith(place + sep))) {
    throw new BadFileError(indexPath, place, "a file inside the folder", `a link to ${target}`);
  }
}

// The Hub's cache keeps models--x--y/snapshots/<revision>/… as links into models--x--y/blobs, and newer releases of
// huggingface_hub keep one copy of large ones for all models, in blobs next to models--x--y.
function hubBlobs(folder: string): string[] {
  const parts = folder.split(sep);
  const model = parts.lastIndexOf("snapshots") - 1;
  if (model < 1) return [];
  return [model + 1, model].map((depth) => [...parts.slice(0, depth), "blobs"].join(sep));
}

/**
 * Splits tensors over files as huggingface_hub does (`serialization/_base.py`): in the given order, starting a new file when the
 * next tensor would exceed the limit; a tensor above the limit gets its own file.
 */
export function splitShards<T extends TensorSpec>(
  tensors: ReadonlyMap<string, T>,
  maxBytes: number,
): Map<string, T>[] {
  const shards: Map<string, T>[] = [];
  let current = new Map<string, T>();
  let size = 0;
  for (const [name, tensor] of tensors) {
    const bytes = byteSize(tensor) ?? Number.POSITIVE_INFINITY;
    if (bytes > maxBytes) {
      shards.push(new Map([[name, tensor]]));
      continue;
    }
    if (size + bytes > maxBytes) {
      shards.push(current);
      current = new Map();
      size = 0;
    }
    current.set(name, tensor);
    size += bytes;
  }
  return current.size > 0 || shards.length === 0 ? [...shards, current] : shards;
}
