import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import { readDataset } from "./read-dataset.ts";

let work: string;
let root: string;
let png: Uint8Array;
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-reasons-"));
  png = await RgbImage.filled(4, 4, [1, 2, 3]).encodePng();
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(async () => {
  count += 1;
  root = join(work, `${count}`);
  await mkdir(root);
});
afterEach(() => rm(root, { recursive: true }));

/** The lines of the message that a folder of these files is refused with, the first without the accepted layouts. */
async function refusal(contents: Record<string, true | string>): Promise<string[]> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content === true ? png : content);
  }
  const error: Error = await readDataset(root).then(
    () => new Error("it was read"),
    (thrown) => thrown,
  );
  const [first = "", ...lines] = error.message.replaceAll(root, "DATA").split("\n");
  return [first.replace(/ Accepted are .*/, ""), ...lines.map((line) => line.trim())];
}

describe("a data set of which nothing can be used", () => {
  it("shows reasons by kind, the most common first", async () => {
    const line = (name: string): string => JSON.stringify({ file_name: name, text: "x" });
    const message = await refusal({
      "a.png": "GIF89a",
      "metadata.jsonl": ["a.png", "train/b.png", "train/c.png"].map(line).join("\n"),
    });
    expect(message).toEqual([
      "DATA (jsonl) contains 3 pictures but none that can be used: 0 have no caption, 3 can't be read.",
      "DATA/train/b.png: there is no such file (named at DATA/metadata.jsonl line 2); and 1 more like it",
      "DATA/a.png: expected a JPEG, PNG, WebP or AVIF picture but found a GIF",
    ]);
  });

  it("lists the columns where none is the caption's", async () => {
    const message = await refusal({
      "a.png": true,
      "metadata.jsonl": '{"file_name": "a.png", "additional_feature": "an a", "score": 1}',
    });
    expect(message).toEqual([
      "DATA (jsonl) contains 1 picture but none that can be used: 1 has no caption, 0 can't be read.",
      "Expected captions in the column text, caption or prompt but found the columns additional_feature, score; name the one with --text-column or dataset.textColumn",
    ]);
    await expect(readDataset(root, { textColumn: "caption_en" })).rejects.toThrow(
      "Expected captions in the column caption_en but found the columns additional_feature, score;",
    );
  });

  it.each([
    [
      { "fox.png.txt": "a fox" },
      "fox.png.txt may contain captions; that of fox.png is read from fox.txt",
    ],
    [
      { "fox.tags": "a fox" },
      "fox.tags may contain captions; that of fox.png is read from fox.txt",
    ],
    [
      { "meta_lat.json": '{"fox": {"caption": "a fox"}}' },
      "meta_lat.json is metadata of kohya's scripts; call a copy of it captions.json, in the folder of the pictures",
    ],
    [
      { "captions_val2014.json": '{"info": {}, "images": [{"id": 1}], "annotations": []}' },
      "captions_val2014.json is a list in COCO's format; write its file names and captions into a metadata.jsonl",
    ],
    [
      { "train.jsonl": "{}", "test.jsonl": "{}" },
      "test.jsonl (and 1 more like it) is not named like a table of pictures; if it is one, call it metadata.jsonl",
    ],
    [
      { "train.tsv": "file_name\ttext\n" },
      "train.tsv is not named like a table of pictures; if it is one, call it metadata.tsv",
    ],
  ] satisfies [Record<string, string>, string][])(
    "names what may hold the captions: %j",
    async (files, line) => {
      expect(await refusal({ "fox.png": true, ...files })).toEqual([
        "DATA (pictures) contains 1 picture but none that can be used: 1 has no caption, 0 can't be read.",
        line,
      ]);
    },
  );

  it("takes no table that it has read for one of another name, nor a link that leads nowhere for a list", async () => {
    await symlink(join(root, "gone"), join(root, "list.json"));
    expect(await refusal({ "metadata.tsv": "file_name\ttext\na.png\ta fox\n" })).toEqual([
      "DATA (csv) contains 1 picture but none that can be used: 0 have no caption, 1 can't be read.",
      "DATA/a.png: there is no such file (named at DATA/metadata.tsv line 2)",
    ]);
  });

  it.each([
    [
      { "dataset_info.json": "{}", "state.json": "{}", "data-00000-of-00001.arrow": "ARROW" },
      'data-00000-of-00001.arrow is what save_to_disk of Python\'s datasets writes; write it as parquet there: datasets.load_from_disk("…").to_parquet("train.parquet"), each split by itself',
    ],
    [{ "pictures.zip": "PK" }, "pictures.zip is an archive; unpack it"],
    [
      { "train.tfrecord": "x" },
      "train.tfrecord is a container that is not read; write its pictures into files",
    ],
  ] satisfies [Record<string, string>, string][])(
    "names what is there instead of pictures: %j",
    async (files, line) => {
      expect(await refusal(files)).toEqual(["DATA contains no pictures.", line]);
    },
  );

  it("says that a shard has no picture", async () => {
    const shard = pack();
    shard.entry({ name: "a.txt" }, "x");
    shard.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of shard) chunks.push(chunk as Buffer);
    await writeFile(join(root, "0.tar"), Buffer.concat(chunks));
    expect(await refusal({})).toEqual(["DATA contains no pictures.", "0.tar contains no picture"]);
  });

  it("counts a caption of zero-width spaces as none, in a table too", async () => {
    const message = await refusal({
      "a.png": true,
      "metadata.jsonl": '{"file_name": "a.png", "text": "\u200b"}',
    });
    expect(message[0]).toContain("1 has no caption");
  });
});
