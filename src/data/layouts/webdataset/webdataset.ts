import { ImageError } from "../../../images/index.ts";
import type { Unreadable } from "../../dataset.ts";
import type { ColumnNames } from "../../described-picture.ts";
import { mapConcurrent } from "../../map-concurrent.ts";
import { filesOf, SHARD_NAME } from "../detect-layout.ts";
import type { FoundPicture, FoundPictures } from "../found-picture.ts";
import { innerName, type Listing } from "../list-files.ts";
import { PICTURE_NAME } from "../picture-names.ts";
import { uniqueNames } from "../unique-names.ts";
import { openShard } from "./shard-bytes.ts";
import { readCaption } from "./shard-captions.ts";
import { type ShardFile, ShardSamples } from "./shard-samples.ts";

const OPEN_SHARDS = 4;

/** A picture in a shard. */
interface ShardPicture {
  readonly shard: string;
  readonly member: ShardFile;
  readonly text: string | undefined;
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** Contents of a shard. */
interface ListedShard {
  readonly pictures: readonly ShardPicture[];
  readonly unreadable: readonly Unreadable[];
  readonly leftOut: readonly Unreadable[];
}

/**
 * Lists the pictures of WebDataset shards: `key.jpg` with `key.txt`, or with `key.json` for a caption and other columns. Only
 * headers and captions are read. Links, and names that lead out of the folder, are listed as unreadable. Throws BadFileError for
 * a damaged shard.
 */
export async function listWebDataset(listing: Listing, names: ColumnNames): Promise<FoundPictures> {
  const shards = await mapConcurrent(filesOf("webdataset", listing), OPEN_SHARDS, (shard) =>
    listShard(shard, names),
  );
  const found = shards.flatMap(({ pictures }) => pictures);
  const files = uniqueNames(
    found,
    ({ member }) => member.name,
    ({ shard, member }) =>
      `${innerName(listing.root, shard).replace(SHARD_NAME, "")}/${member.name}`,
  );
  return {
    pictures: found.map(
      (picture, i) =>
        new ShardedPicture(files[i] as string, innerName(listing.root, picture.shard), picture),
    ),
    unreadable: shards.flatMap(({ unreadable }) => unreadable),
    leftOut: shards.flatMap(({ leftOut }) => leftOut),
  };
}

class ShardedPicture implements FoundPicture {
  readonly file: string;
  readonly path: string;
  readonly container: string;
  readonly text: string | undefined;
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly #shard: string;
  readonly #offset: number;
  readonly #size: number;

  constructor(
    file: string,
    container: string,
    { shard, member, text, captions, columns }: ShardPicture,
  ) {
    this.file = file;
    this.path = `${shard}#${member.name}`;
    this.container = container;
    this.text = text;
    this.captions = captions;
    this.columns = columns;
    this.#shard = shard;
    this.#offset = member.offset;
    this.#size = member.size;
  }

  async read(): Promise<Uint8Array> {
    try {
      const bytes = await openShard(this.#shard);
      try {
        return await bytes.readAt(this.#offset, this.#size);
      } finally {
        await bytes.close();
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ImageError(this.path, `can't be read (${code ?? message})`, { cause: error });
    }
  }
}

/** Whether a shard contains a picture. Throws BadFileError for a damaged one. */
export async function holdsPictures(shard: string): Promise<boolean> {
  const { samples, unreadable, leftOut } = await ShardSamples.read(shard);
  return (
    samples.some(({ pictures }) => pictures.length > 0) || unreadable.length + leftOut.length > 0
  );
}

async function listShard(shard: string, names: ColumnNames): Promise<ListedShard> {
  const { samples, unreadable, leftOut } = await ShardSamples.read(shard);
  const pictures: ShardPicture[] = [];
  const list = (to: Unreadable[], name: string, reason: string): void => {
    to.push({ path: `${shard}#${name}`, reason });
  };
  for (const sample of samples) {
    const [first, ...others] = sample.pictures.toSorted((a, b) => +isPlain(b) - +isPlain(a));
    if (first === undefined) continue;
    for (const member of [first, ...others]) {
      const hasOwn = sample.hasOwnCaption(member);
      if (member !== first && !hasOwn) {
        const kept = `its sample has ${first.name} already`;
        list(isPlain(member) ? unreadable : leftOut, member.name, kept);
        continue;
      }
      const caption = await readCaption(shard, sample.captionsOf(member), names);
      if (member.refused !== undefined) list(unreadable, member.name, member.refused);
      else if (caption instanceof Error) list(unreadable, member.name, caption.message);
      else pictures.push({ shard, member, ...caption });
    }
  }
  return { pictures, unreadable, leftOut };
}

/** Whether a picture's name makes it the sample's main one: `7.png`, but not `7.seg.png` or `7.mask`. */
const isPlain = ({ extension }: ShardFile): boolean =>
  !extension.includes(".") && PICTURE_NAME.test(`.${extension}`);
