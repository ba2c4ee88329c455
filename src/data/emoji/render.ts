import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { expected, TargetExistsError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { writeNewFile } from "../../files/new-file.ts";
import { Staging } from "../../files/staging.ts";
import { RgbImage } from "../../images/index.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { measureAppearance } from "./appearance.ts";
import { denseCaption, shortCaption } from "./captions.ts";
import { withArticle } from "./grammar.ts";
import {
  EMOJI_STYLES,
  type EmojiSet,
  type EmojiStyle,
  loadEmojibase,
  loadEmojiSet,
} from "./packages.ts";
import { datasetReadme } from "./readme.ts";
import type { EmojiRecord } from "./record.ts";
import { heldOutStyle } from "./split.ts";
import { type EmojiThing, listThings } from "./things.ts";

export interface RenderEmojiOptions {
  /** Side of the pictures in pixels. */
  readonly size?: number;
  /** The styles to render, in any order. */
  readonly sets?: readonly EmojiStyle[];
  /** Omits the style in short captions: for a set of one style that a model should learn as its default. */
  readonly plainCaptions?: boolean;
  /** Maximum number of pictures, spread evenly over all. */
  readonly limit?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Result of `renderEmojiDataset`. */
export interface EmojiDataset {
  readonly folder: string;
  readonly records: readonly EmojiRecord[];
  /** Number of different things drawn. */
  readonly things: number;
  /** Number of held-out pictures. */
  readonly heldOut: number;
}

/** Pictures rendered at once; each waits for a thread of libuv's pool of four. */
const CONCURRENCY = 8;

/**
 * Renders the open emoji sets into an image folder: `OUT/images/STYLE/NAME.png` (square, RGB, on white), `OUT/metadata.jsonl`
 * (one `EmojiRecord` per line) and `OUT/README.md`. The same packages give the same bytes. OUT must be new or empty: it appears,
 * complete, by a single rename.
 */
export async function renderEmojiDataset(
  out: string,
  {
    size = 64,
    sets = EMOJI_STYLES,
    plainCaptions = false,
    limit = Number.POSITIVE_INFINITY,
    onProgress,
  }: RenderEmojiOptions = {},
): Promise<EmojiDataset> {
  checkOptions(size, sets);
  const folder = resolve(out);
  await checkNew(folder);
  const labels = loadEmojibase();
  const styles = EMOJI_STYLES.filter((style) => sets.includes(style)).map(loadEmojiSet);
  const drawings = spread(listDrawings(listThings(labels), styles, size), limit);

  await using staging = await Staging.beside(folder);
  for (const { style } of styles) {
    await makeFolder(join(staging.path, "images", style));
  }
  let done = 0;
  const records = await mapConcurrent(drawings, CONCURRENCY, async (drawing) => {
    const { record, png } = await renderDrawing(drawing, size, plainCaptions);
    // Pictures are quickly rendered again, and thousands of fsyncs take long.
    await writeNewFile(join(staging.path, record.file_name), [png], { durable: false });
    done += 1;
    onProgress?.({ done, total: drawings.length });
    return record;
  });
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  const readme = datasetReadme({ records, sets: styles, size, labels: labels.package });
  await writeNewFile(join(staging.path, "metadata.jsonl"), [Buffer.from(lines.join(""))]);
  await writeNewFile(join(staging.path, "README.md"), [Buffer.from(readme)]);
  return {
    folder: await staging.publish(),
    records,
    things: new Set(records.map((record) => record.class)).size,
    heldOut: records.filter((record) => record.split === "heldout").length,
  };
}

interface Drawing {
  readonly thing: EmojiThing;
  readonly set: EmojiSet;
  readonly name: string;
  readonly svg: string;
  readonly split: "train" | "heldout";
}

/**
 * Every thing in every set that draws it. A drawing that a set reuses for a later thing (an "artist" who is also the "man
 * artist") is used once: no picture has two captions.
 */
function listDrawings(
  things: readonly EmojiThing[],
  sets: readonly EmojiSet[],
  size: number,
): Drawing[] {
  const taken = new Set<string>();
  return things.flatMap((thing) => {
    const found = sets.flatMap((set) => {
      const drawing = set.svg(thing.hexcode, size);
      if (drawing === undefined || taken.has(drawing.text)) return [];
      taken.add(drawing.text);
      return [{ thing, set, name: drawing.name, svg: drawing.text }];
    });
    const styles = found.map(({ set }) => set.style);
    const heldOut = heldOutStyle(thing.thing, styles);
    return found.map((drawing) => ({
      ...drawing,
      split: drawing.set.style === heldOut ? "heldout" : "train",
    }));
  });
}

/** At most `limit` items of a list, evenly spread. */
const spread = <T>(list: readonly T[], limit: number): T[] =>
  list.filter(
    (_, i) => Math.floor((i + 1) * share(list, limit)) > Math.floor(i * share(list, limit)),
  );

const share = (list: readonly unknown[], limit: number): number => Math.min(1, limit / list.length);

async function renderDrawing(
  { thing, set, name, svg, split }: Drawing,
  size: number,
  plainCaptions: boolean,
): Promise<{ record: EmojiRecord; png: Uint8Array }> {
  const rgba = await sharp(Buffer.from(svg)).ensureAlpha().raw().toBuffer();
  const record: EmojiRecord = {
    file_name: `images/${set.style}/${thing.slug}.png`,
    text: plainCaptions ? withArticle(thing.thing) : shortCaption(thing.thing, set.style),
    dense_text: denseCaption(thing, set.style, measureAppearance(rgba, size)),
    thing: thing.thing,
    class: thing.class,
    style: set.style,
    split,
    group: thing.group,
    license: set.info.license.spdx,
    source: `${set.package}/${name}`,
  };
  return { record, png: await onWhite(rgba, size).encodePng() };
}

function onWhite(rgba: Uint8Array, size: number): RgbImage {
  const rgb = new Uint8Array(size * size * 3);
  for (let pixel = 0; pixel < size * size; pixel += 1) {
    const alpha = (rgba[pixel * 4 + 3] as number) / 255;
    for (let channel = 0; channel < 3; channel += 1) {
      const value = rgba[pixel * 4 + channel] as number;
      rgb[pixel * 3 + channel] = Math.round(value * alpha + 255 * (1 - alpha));
    }
  }
  return new RgbImage(size, size, rgb);
}

function checkOptions(size: number, sets: readonly EmojiStyle[]): void {
  if (!(Number.isInteger(size) && size >= 8 && size <= 2048)) {
    throw expected("a whole number from 8 to 2048", "size", size);
  }
  const unknown = sets.find((set) => !EMOJI_STYLES.includes(set));
  if (unknown !== undefined || sets.length === 0) {
    throw expected(`some of ${EMOJI_STYLES.join(", ")}`, "sets", unknown ?? "none");
  }
}

async function checkNew(folder: string): Promise<void> {
  const entries = existsSync(folder) ? await readdir(folder) : [];
  if (entries.length > 0) {
    throw new TargetExistsError(
      `Expected a new or empty folder for out but received ${folder}, which holds ` +
        `${entries.length} entries; delete it or choose another`,
    );
  }
}
