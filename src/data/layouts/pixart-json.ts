import { existsSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { parsePythonJson } from "../../files/reading/python-json.ts";
import { captionText, decodeCaption, readTable } from "../caption-text.ts";
import type { Unreadable } from "../dataset.ts";
import type { DescribedPicture } from "../described-picture.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { filesOf } from "./detect-layout.ts";
import { type FoundPictures, isInnerPath, PictureFile, refusedFile } from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";
import { captionsOfList, joinLines, SINGLE_COLUMNS } from "./several-captions.ts";

const OPEN_FILES = 16;
/**
 * Height over width beyond which PixArt's own loaders skip a picture (PixArt-alpha, diffusion/data/datasets/InternalData.py; the
 * same in PixArt-sigma).
 */
const MOST_RATIO = { alpha: 4, sigma: 4.5 };

interface Item {
  readonly path: string;
  readonly prompt: string;
  readonly ratio: number | undefined;
  readonly sharegpt4v: string | undefined;
  readonly rest: Readonly<Record<string, unknown>>;
}

/**
 * Lists PixArt's own layout: lists of `{path, prompt, width, height, ratio}` in `InternData`, with the pictures next to it in
 * `InternImgs`. Σ's `sharegpt4v` is the dense caption. The first existing one of `partition_filter`, `partition` and
 * `data_info.json` is read: they list the same pictures. Items about the same picture are merged. Throws BadFileError.
 */
export async function listPixArtJson(listing: Listing): Promise<FoundPictures> {
  const { root, files, within } = listing;
  const pictureRoot = files.some((file) => innerName(root, file).startsWith("InternData/"))
    ? join(root, "InternImgs")
    : root.replace(/InternData(?=$|[\\/])/, "InternImgs");
  const pictures: PictureFile[] = [];
  const unreadable: Unreadable[] = [];
  const leftOut: Unreadable[] = [];
  const named = new Map<string, [ListedPicture, ...ListedPicture[]]>();
  for (const list of chosenLists({ root, files })) {
    const items = await readItems(list);
    const most = items.some(({ sharegpt4v }) => sharegpt4v !== undefined)
      ? MOST_RATIO.sigma
      : MOST_RATIO.alpha;
    for (const [index, item] of items.entries()) {
      const where = `${list} item ${index + 1}`;
      const fileName = innerPath(pictureRoot, item.path);
      if (fileName === undefined) {
        const reason = `its path ${quote(item.path)} leads out of the folder`;
        unreadable.push({ path: where, reason });
        continue;
      }
      const picture = { ...described(item, where, fileName), ratio: item.ratio, most };
      const earlier = named.get(fileName);
      if (earlier === undefined) named.set(fileName, [picture]);
      else earlier.push(picture);
    }
  }
  await mapConcurrent([...named], OPEN_FILES, async ([fileName, all]) => {
    const [{ where, ratio, most }] = all;
    const path = join(pictureRoot, ...fileName.split("/"));
    const reason = await refusedFile(path, { where }, within);
    if (reason !== undefined) unreadable.push({ path, reason });
    else if (ratio !== undefined && ratio > most) {
      leftOut.push({ path, reason: `its height over width, ${ratio}, is more than ${most}` });
    } else {
      const { text, captions, columns } = joinLines(all, "text", SINGLE_COLUMNS);
      pictures.push(new PictureFile({ file: fileName, path, text, captions, columns, within }));
    }
  });
  return { pictures, unreadable, leftOut };
}

/** A picture's list item, and how its loader treats tall pictures. */
interface ListedPicture extends DescribedPicture {
  readonly ratio: number | undefined;
  readonly most: number;
}

function described(
  { prompt, sharegpt4v, rest }: Item,
  where: string,
  fileName: string,
): DescribedPicture {
  const dense = captionText(sharegpt4v ?? "");
  const columns = dense === undefined ? rest : { ...rest, dense_text: dense };
  const text = captionText(prompt);
  return { where, fileName, text, captions: captionsOfList(rest.text, text), columns };
}

/** A path below the pictures' folder with `/` only, as Windows also wrote `\`; undefined if it leads out of the folder. */
function innerPath(pictureRoot: string, path: string): string | undefined {
  const name = posix.normalize(path);
  if (!isInnerPath(name)) return undefined;
  return existsSync(join(pictureRoot, ...name.split("/"))) ? name : name.replaceAll("\\", "/");
}

/** The filtered lists in preference to the unfiltered ones, or a single list that was given. */
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
  const text = decodeCaption(await readTable(path));
  if (text === undefined) throw new BadFileError(path, "content", "UTF-8", "other bytes");
  let list: unknown;
  try {
    list = parsePythonJson(text);
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
