import { DatasetError } from "../../../errors/index.ts";
import { parsePythonJson } from "../../../files/reading/python-json.ts";
import { LARGEST_FILE } from "../../../files/reading/whole-file.ts";
import { captionText, decodeCaption } from "../../caption-text.ts";
import { type ColumnNames, describedText } from "../../described-picture.ts";
import { captionsOfList } from "../several-captions.ts";
import { openShard } from "./shard-bytes.ts";
import { CAPTION_KINDS, type ShardCaptions } from "./shard-samples.ts";

/** The captions of a picture in a shard. */
export interface ShardText {
  readonly text: string | undefined;
  /** All captions, `text` first, if there are several. */
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** `.txt` takes precedence over the field in `.json`, whose other fields become columns. An Error tells why it can't be read. */
export async function readCaption(
  shard: string,
  captions: ShardCaptions,
  names: ColumnNames,
): Promise<ShardText | Error> {
  const contents = new Map<string, string>();
  for (const kind of CAPTION_KINDS) {
    const member = captions[kind];
    if (member === undefined) continue;
    const { name, size, offset, head } = member;
    if (size > LARGEST_FILE.caption) {
      return new DatasetError(
        `its caption ${name} is too long: expected at most ${LARGEST_FILE.caption} bytes but found ${size}`,
      );
    }
    const text = decodeCaption(
      size <= head.length ? head.subarray(0, size) : await readBytes(shard, offset, size),
    );
    if (text === undefined) return new DatasetError(`its caption ${name} is not UTF-8`);
    contents.set(kind, text);
  }
  const json = contents.get("json");
  const plain = captionText(contents.get("txt") ?? contents.get("caption") ?? "");
  if (json === undefined) return { text: plain, captions: undefined, columns: {} };
  try {
    const record = parsePythonJson(json);
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      return new DatasetError(`its caption ${captions.json?.name} is not a JSON object`);
    }
    const described = describedText("json", record as Record<string, unknown>, names);
    if (plain === undefined) return described;
    const all = captionsOfList(described.captions, plain);
    return { text: plain, captions: all, columns: described.columns };
  } catch (error) {
    return new DatasetError(`its caption ${captions.json?.name}: ${(error as Error).message}`);
  }
}

async function readBytes(shard: string, offset: number, size: number): Promise<Uint8Array> {
  const bytes = await openShard(shard);
  try {
    return await bytes.readAt(offset, size);
  } finally {
    await bytes.close();
  }
}
