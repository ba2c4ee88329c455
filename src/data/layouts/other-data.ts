import { readStart } from "../../files/reading/whole-file.ts";
import { SHARD_NAME } from "./detect-layout.ts";
import { innerName, type Listing } from "./list-files.ts";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";

/** Unsupported data, recognized by file names below the folder, with advice. */
const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [
    /(^|\/)(dataset_dict\.json|[^/]+\.arrow)$/i,
    'is what save_to_disk of Python\'s datasets writes; write it as parquet there: datasets.load_from_disk("…").to_parquet("train.parquet"), each split by itself',
  ],
  [
    /(^|\/)meta_[^/]*\.json$/i,
    "is metadata of kohya's scripts; call a copy of it captions.json, in the folder of the pictures",
  ],
  [/\.(zip|rar|7z|bz2|t?xz|zst|tbz2?|lz4)$/i, "is an archive; unpack it"],
  [
    /\.(tfrecords?|h5|hdf5|mdb|beton|mds|feather)$/i,
    "is a container that is not read; write its pictures into files",
  ],
  [
    /\.(jsonl|json1|jsonlines|ndjson)$/i,
    "is not named like a table of pictures; if it is one, call it metadata.jsonl",
  ],
  [/\.csv$/i, "is not named like a table of pictures; if it is one, call it metadata.csv"],
  [/\.tsv$/i, "is not named like a table of pictures; if it is one, call it metadata.tsv"],
];
const TABLES = /(^|\/)(metadata\.(jsonl|[ct]sv)|captions\.[ct]sv)$/;

/** COCO's lists have these keys near their beginning. */
const COCO = [/"images"\s*:/, /"(annotations|categories|licenses|info)"\s*:/];
const COCO_HEAD = 2 ** 16;
const MOST_LISTS = 20;

/** What a folder without usable pictures contains instead, one line per kind, with advice. */
export async function adviceFor({ root, files }: Listing, images: number): Promise<string[]> {
  const names = files.map((file) => innerName(root, file));
  const shards = names.filter((name) => SHARD_NAME.test(name));
  const byName = BY_NAME.flatMap(([sign, advice]) => {
    const found = names.filter((name) => sign.test(name) && !TABLES.test(name));
    return found.length === 0 ? [] : [`${some(found)} ${advice}`];
  });
  const lists = files.filter((file) => file.endsWith(".json")).slice(0, MOST_LISTS);
  // Anything that can't be opened, such as a broken link, is not a list.
  const heads = await Promise.all(lists.map((file) => readStart(file, COCO_HEAD).catch(() => "")));
  const coco = lists.filter((_, i) => COCO.every((key) => key.test(String(heads[i]))));
  return [
    ...(images === 0 && shards.length > 0 ? [`${some(shards)} contains no picture`] : []),
    ...byName,
    ...coco.map(
      (file) =>
        `${innerName(root, file)} is a list in COCO's format; write its file names and captions into a metadata.jsonl`,
    ),
    ...strangeCaptions(names),
  ];
}

/** Files next to pictures that may be captions: `fox.tags`, and `fox.png.txt` for `fox.png`. */
function strangeCaptions(names: readonly string[]): string[] {
  const pictures = names.filter((name) => PICTURE_NAME.test(name));
  const stems = new Set(pictures.map(stemOf));
  const whole = new Set(pictures);
  const beside = names.filter((name) =>
    /\.txt$/i.test(name)
      ? whole.has(stemOf(name))
      : stems.has(stemOf(name)) && /\.(cap|captions|tags?|text|md)$/i.test(name),
  );
  return beside.length === 0
    ? []
    : [`${some(beside)} may contain captions; that of fox.png is read from fox.txt`];
}

function some(names: readonly string[]): string {
  const [first = "", ...others] = names;
  return others.length === 0 ? first : `${first} (and ${others.length} more like it)`;
}
