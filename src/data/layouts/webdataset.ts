import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import { ImageError } from "../../images/index.ts";
import type { Unreadable } from "../dataset.ts";
import { type ColumnNames, describedText } from "../described-picture.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { filesOf } from "./detect-layout.ts";
import {
  type FoundPicture,
  type FoundPictures,
  isInnerPath,
  refusedBytes,
} from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";
import { type TarMember, tarMembers } from "./tar-members.ts";
import { uniqueNames } from "./unique-names.ts";

const PICTURE_EXTENSION = /^(jpe?g|png|webp|avif|gif|tiff?|bmp|svg|heic|jxl)$/i;
const MOST_PICTURE_BYTES = 512 * 2 ** 20;
const MOST_CAPTION_BYTES = 2 ** 20;
const OPEN_SHARDS = 4;

/** The files of one key, by what follows it; the key is the path up to the first dot of its last part. */
type Sample = Map<string, SampleFile>;

interface SampleFile extends TarMember {
  /** Why a picture can't be used, by its first bytes. */
  readonly refused: string | undefined;
}

/** A picture in a shard. */
interface ShardPicture {
  readonly shard: string;
  readonly member: SampleFile;
  readonly text: string | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
}

/**
 * Lists the pictures of WebDataset's shards: `key.jpg` with `key.txt`, or `key.json` with a caption
 * and other columns. Only headers and captions are read. Links and what leads out of the folder
 * are listed as unreadable. Throws BadFileError for a damaged shard.
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
      `${innerName(listing.root, shard).replace(/\.tar$/i, "")}/${member.name}`,
  );
  return {
    pictures: found.map((picture, i) => new ShardedPicture(files[i] as string, picture)),
    unreadable: shards.flatMap(({ unreadable }) => unreadable),
    leftOut: [],
  };
}

class ShardedPicture implements FoundPicture {
  readonly file: string;
  readonly path: string;
  readonly text: string | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly #shard: string;
  readonly #offset: number;
  readonly #size: number;

  constructor(file: string, { shard, member, text, columns }: ShardPicture) {
    this.file = file;
    this.path = `${shard}#${member.name}`;
    this.text = text;
    this.columns = columns;
    this.#shard = shard;
    this.#offset = member.offset;
    this.#size = member.size;
  }

  async read(): Promise<Uint8Array> {
    try {
      return await readMember(this.#shard, this.#offset, this.#size);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ImageError(this.path, `can't be read (${code})`, { cause: error });
    }
  }
}

async function readMember(shard: string, offset: number, size: number): Promise<Buffer> {
  const file = await open(shard);
  try {
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function listShard(
  shard: string,
  names: ColumnNames,
): Promise<{ pictures: ShardPicture[]; unreadable: Unreadable[] }> {
  const unreadable: Unreadable[] = [];
  const refuse = (name: string, reason: string): void => {
    unreadable.push({ path: `${shard}#${name}`, reason });
  };
  const samples = new Map<string, Sample>();
  for await (const member of tarMembers(shard)) {
    const { key, extension } = splitName(member.name);
    if (member.type === "directory" || key === undefined) continue;
    const reason = refusal(member, extension);
    if (reason !== undefined) {
      refuse(member.name, reason);
      continue;
    }
    const isPicture = PICTURE_EXTENSION.test(extension);
    const sample = samples.get(key) ?? new Map<string, SampleFile>();
    // Only captions keep their bytes, and a copy: a view would keep all that was read with them.
    const head = isPicture ? new Uint8Array() : Uint8Array.from(member.head);
    const refused = isPicture ? refusedBytes(member.head) : undefined;
    samples.set(key, sample.set(extension, { ...member, head, refused }));
  }
  const pictures: ShardPicture[] = [];
  for (const sample of samples.values()) {
    const [first, ...others] = [...sample].filter(([extension]) =>
      PICTURE_EXTENSION.test(extension),
    );
    if (first === undefined) continue;
    const [, member] = first;
    for (const [, other] of others) refuse(other.name, `its sample has ${member.name} already`);
    const caption = await readCaption(shard, sample, names);
    if (member.refused !== undefined) refuse(member.name, member.refused);
    else if (caption instanceof Error) refuse(member.name, caption.message);
    else pictures.push({ shard, member, ...caption });
  }
  return { pictures, unreadable };
}

/** No key for hidden files. */
function splitName(name: string): { key: string | undefined; extension: string } {
  const [, key, extension = ""] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/s.exec(name) ?? [];
  return { key, extension };
}

function refusal({ name, type, size }: TarMember, extension: string): string | undefined {
  if (!isInnerPath(name)) return "its name leads out of the folder";
  if (type !== "file") return `is a ${type}, which is not followed`;
  const most = PICTURE_EXTENSION.test(extension) ? MOST_PICTURE_BYTES : undefined;
  return most !== undefined && size > most
    ? `expected at most ${most} bytes but found ${size}`
    : undefined;
}

/** `.txt` before the field of `.json`, whose other fields are columns. */
async function readCaption(
  shard: string,
  sample: Sample,
  names: ColumnNames,
): Promise<Pick<ShardPicture, "text" | "columns"> | Error> {
  const contents = new Map<string, string>();
  for (const extension of ["txt", "caption", "json"]) {
    const member = sample.get(extension);
    if (member === undefined) continue;
    const { name, size, offset } = member;
    if (size > MOST_CAPTION_BYTES) return new Error(`its caption ${name} has ${size} bytes`);
    const bytes =
      size <= member.head.length
        ? Buffer.from(member.head.subarray(0, size))
        : await readMember(shard, offset, size);
    if (!isUtf8(bytes)) return new Error(`its caption ${name} is not UTF-8`);
    contents.set(extension, bytes.toString("utf8").replace(/^\ufeff/, ""));
  }
  const json = contents.get("json");
  const plain = (contents.get("txt") ?? contents.get("caption"))?.trim() || undefined;
  if (json === undefined) return { text: plain, columns: {} };
  try {
    const record: unknown = JSON.parse(json);
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      return new Error(`its caption ${sample.get("json")?.name} is no JSON object`);
    }
    const described = describedText("json", record as Record<string, unknown>, names);
    return { text: plain ?? described.text, columns: described.columns };
  } catch (error) {
    return new Error(`its caption ${sample.get("json")?.name}: ${(error as Error).message}`);
  }
}
