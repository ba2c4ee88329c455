import { readFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { BadFileError, quote } from "../../weights/errors.ts";
import type { Unreadable } from "../dataset.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { filesOf } from "./detect-layout.ts";
import { type FoundPictures, isInnerPath, PictureFile, refusedFile } from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";

const OPEN_FILES = 16;
/** Height over width beyond which PixArt's own loaders pass a picture over (PixArt-alpha, diffusion/data/datasets/InternalData.py; PixArt-sigma the same). */
const MOST_RATIO = { alpha: 4, sigma: 4.5 };

interface Item {
  readonly path: string;
  readonly prompt: string;
  readonly ratio: number | undefined;
  readonly sharegpt4v: string | undefined;
  readonly rest: Readonly<Record<string, unknown>>;
}

/**
 * Lists PixArt's own layout: lists of `{path, prompt, width, height, ratio}` in `InternData`, the
 * pictures in `InternImgs` beside it. Σ's `sharegpt4v` is the dense caption. Of `partition_filter`,
 * `partition` and `data_info.json` the first that is there is read: they list the same pictures.
 * Throws BadFileError.
 */
export async function listPixArtJson({ root, files }: Listing): Promise<FoundPictures> {
  const pictureRoot = files.some((file) => innerName(root, file).startsWith("InternData/"))
    ? join(root, "InternImgs")
    : root.replace(/InternData(?=$|[\\/])/, "InternImgs");
  const pictures: PictureFile[] = [];
  const seen = new Set<string>();
  const unreadable: Unreadable[] = [];
  const leftOut: Unreadable[] = [];
  for (const list of chosenLists({ root, files })) {
    const items = await readItems(list);
    const most = items.some(({ sharegpt4v }) => sharegpt4v !== undefined)
      ? MOST_RATIO.sigma
      : MOST_RATIO.alpha;
    const named: { item: Item; where: string }[] = [];
    for (const [index, item] of items.entries()) {
      const where = `${list} item ${index + 1}`;
      if (!isInnerPath(item.path)) {
        const reason = `its path ${quote(item.path)} leads out of the folder`;
        unreadable.push({ path: where, reason });
      } else if (seen.has(item.path)) {
        unreadable.push({ path: where, reason: `${item.path} was named before` });
      } else named.push({ item, where });
      seen.add(item.path);
    }
    await mapConcurrent(named, OPEN_FILES, async ({ item, where }) => {
      const path = join(pictureRoot, ...item.path.split("/"));
      const reason = await refusedFile(path, { where });
      const { ratio } = item;
      if (reason !== undefined) unreadable.push({ path, reason });
      else if (ratio !== undefined && ratio > most) {
        leftOut.push({ path, reason: `its height over width, ${ratio}, is more than ${most}` });
      } else pictures.push(picture(item, path));
    });
  }
  return { pictures, unreadable, leftOut };
}

function picture({ path: file, prompt, sharegpt4v, rest }: Item, path: string): PictureFile {
  const columns = sharegpt4v?.trim() ? { ...rest, dense_text: sharegpt4v.trim() } : rest;
  return new PictureFile(file, path, prompt.trim() || undefined, columns);
}

/** The filtered lists before the unfiltered ones, and one list given by itself. */
function chosenLists({ root, files }: Listing): string[] {
  const [only] = files;
  if (files.length === 1 && only?.endsWith(".json")) return [only];
  const lists = filesOf("pixart-json", { root, files });
  const folder = ["partition_filter", "partition"].find((name) =>
    lists.some((list) => dirname(list).endsWith(sep + name)),
  );
  return folder === undefined
    ? lists
    : lists.filter((list) => dirname(list).endsWith(sep + folder));
}

async function readItems(path: string): Promise<Item[]> {
  let list: unknown;
  try {
    list = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new BadFileError(path, "content", "JSON", (error as Error).message);
  }
  if (!Array.isArray(list)) throw new BadFileError(path, "content", "a list", quote(list));
  return list.map((item: unknown, index) => {
    const place = `item ${index + 1}`;
    if (typeof item !== "object" || item === null || Array.isArray(item)) {
      throw new BadFileError(path, place, "an object", quote(item));
    }
    const {
      path: picture,
      prompt,
      width,
      height,
      ratio,
      sharegpt4v,
      ...rest
    } = item as Record<string, unknown>;
    if (typeof picture !== "string") throw new BadFileError(path, place, "a path", quote(picture));
    if (typeof prompt !== "string") throw new BadFileError(path, place, "a prompt", quote(prompt));
    if (sharegpt4v !== undefined && typeof sharegpt4v !== "string") {
      throw new BadFileError(path, place, "text for sharegpt4v", quote(sharegpt4v));
    }
    const measured =
      typeof width === "number" && typeof height === "number" ? height / width : undefined;
    return {
      path: picture,
      prompt,
      ratio: typeof ratio === "number" ? ratio : measured,
      sharegpt4v,
      rest,
    };
  });
}
