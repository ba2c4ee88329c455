import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { type ColumnSource, parquetWriteFile } from "hyparquet-writer";
import { type Header, pack } from "tar-stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import type { Dataset } from "../dataset.ts";
import { readDataset } from "../read-dataset.ts";

let work: string;
let root: string;
let pngs: Uint8Array[];
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-containers-"));
  pngs = await Promise.all([1, 2, 3, 4].map((i) => RgbImage.filled(4, 4, [i, 0, 0]).encodePng()));
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(async () => {
  count += 1;
  root = join(work, `${count}`);
  await mkdir(join(root, "data"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

const png = (i: number): Uint8Array => pngs[i - 1] as Uint8Array;
const shown = ({ entries }: Dataset): unknown[] =>
  entries.map(({ file, text, columns }) => [file, text, columns]);
/** Which of the pictures each entry reads. */
const pictures = ({ entries }: Dataset): Promise<number[]> =>
  Promise.all(
    entries.map(async (entry) => {
      const bytes = await entry.read();
      return 1 + pngs.findIndex((known) => Buffer.from(known).equals(bytes));
    }),
  );

const imageSchema: SchemaElement[] = [
  { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
];

function parquet(
  name: string,
  columnData: ColumnSource[],
  schema?: SchemaElement[],
  options: { rowGroupSize?: number; codec?: "SNAPPY" | "GZIP" } = {},
): void {
  parquetWriteFile({
    filename: join(root, name),
    columnData,
    ...(schema && { schema: [{ name: "root", num_children: columnData.length }, ...schema] }),
    ...options,
    compressors: { GZIP: (bytes) => new Uint8Array(gzipSync(bytes)) },
  });
}

describe("parquet", () => {
  it("reads the Hub's struct, captions, columns and the split in the file's name", async () => {
    const rows = (from: number): ColumnSource[] => [
      {
        name: "image",
        data: [0, 1].map((i) => ({ bytes: png(from + i), path: `${from + i}.png` })),
      },
      { name: "text", data: [`the ${from}`, ` the ${from + 1} `] },
      { name: "class", data: [BigInt(from), BigInt(from + 1)] },
    ];
    const schema: SchemaElement[] = [
      ...imageSchema,
      { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      { name: "class", type: "INT64", repetition_type: "OPTIONAL" },
    ];
    parquet("data/train-00000-of-00001-0123456789abcdef.parquet", rows(1), schema, {
      codec: "GZIP",
    });
    parquet("data/test-00000-of-00001.parquet", rows(3), schema, { rowGroupSize: 1 });
    const dataset = await readDataset(root);
    expect(dataset).toMatchObject({ layout: "parquet", images: 4, captioned: 4 });
    expect(shown(dataset)).toEqual([
      ["1.png", "the 1", { class: 1, split: "train" }],
      ["2.png", "the 2", { class: 2, split: "train" }],
      ["3.png", "the 3", { class: 3, split: "test" }],
      ["4.png", "the 4", { class: 4, split: "test" }],
    ]);
    expect(await pictures(dataset)).toEqual([1, 2, 3, 4]);
  });

  it("reads bytes without a page index, and names rows where paths are missing or repeated", async () => {
    const image: ColumnSource = {
      name: "image",
      data: [png(2), png(1)],
      type: "BYTE_ARRAY",
      offsetIndex: false,
    };
    parquet("0.parquet", [image, { name: "text", data: ["two", "one"], type: "STRING" }]);
    parquet("1.parquet", [
      { ...image, data: [png(3)] },
      { name: "text", data: ["three"], type: "STRING" },
    ]);
    const dataset = await readDataset(root);
    expect(shown(dataset)).toEqual([
      ["0/00000000", "two", {}],
      ["0/00000001", "one", {}],
      ["1/00000000", "three", {}],
    ]);
    expect(await pictures(dataset)).toEqual([2, 1, 3]);
    expect(dataset.entries[0]?.path).toBe(`${join(root, "0.parquet")}#0`);
    const one = await readDataset(join(root, "1.parquet"));
    expect(await pictures(one)).toEqual([3]);
  });

  it("takes the first of a list of captions and keeps the list", async () => {
    const schema: SchemaElement[] = [
      ...imageSchema,
      { name: "captions", num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST" },
      { name: "list", num_children: 1, repetition_type: "REPEATED" },
      { name: "element", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
    ];
    parquet(
      "0.parquet",
      [
        { name: "image", data: [{ bytes: png(1), path: null }] },
        { name: "captions", data: [["first", "second"]] },
      ],
      schema,
    );
    const dataset = await readDataset(root, { textColumn: "captions" });
    expect(shown(dataset)).toEqual([["0/00000000", "first", { text: ["first", "second"] }]]);
  });

  it("reads paths of files beside it, and refuses those that lead out", async () => {
    await writeFile(join(root, "data", "a.png"), png(1));
    parquet("data/metadata.parquet", [
      { name: "file_name", data: ["a.png", "../../secret.png", "gone.png"], type: "STRING" },
      { name: "text", data: ["an a", "x", "y"], type: "STRING" },
    ]);
    const dataset = await readDataset(root);
    expect(shown(dataset)).toEqual([["data/a.png", "an a", {}]]);
    const where = join(root, "data", "metadata.parquet");
    expect(dataset.unreadable).toEqual([
      {
        path: join(root, "data", "gone.png"),
        reason: `there is no such file (named at ${where} row 2)`,
      },
      {
        path: `${where} row 1`,
        reason: `its path leads out of the folder (named at ${where} row 1)`,
      },
    ]);
  });

  it("tells of a row without a picture when that is read", async () => {
    parquet(
      "0.parquet",
      [
        {
          name: "image",
          data: [
            { bytes: null, path: "../../x.png" },
            { bytes: null, path: null },
          ],
        },
        { name: "text", data: ["a", "b"] },
      ],
      [
        ...imageSchema,
        { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      ],
    );
    const [first, second] = (await readDataset(root)).entries;
    await expect(first?.read()).rejects.toThrow(
      `${join(root, "0.parquet")}#0: has no bytes, and its path leads out of the folder`,
    );
    await expect(second?.read()).rejects.toThrow(
      `${join(root, "0.parquet")}#1: has neither bytes nor a path`,
    );
  });

  it("names file and columns of one that it can't use", async () => {
    await writeFile(join(root, "0.parquet"), "PAR1 not really");
    await expect(readDataset(root)).rejects.toThrow(
      `${join(root, "0.parquet")}: footer: expected a parquet file but found`,
    );
    parquet("0.parquet", [{ name: "text", data: ["x"], type: "STRING" }]);
    await expect(readDataset(root)).rejects.toThrow(
      `${join(root, "0.parquet")}: schema: expected a column image or file_name but found text; name it with imageColumn`,
    );
    parquet("0.parquet", [{ name: "image", data: [png(1)], type: "BYTE_ARRAY" }]);
    await expect(readDataset(root, { textColumn: "words" })).rejects.toThrow(
      "schema: expected a column words but found image; name it with textColumn",
    );
    parquet("0.parquet", [
      { name: "image", data: [1, 2], type: "INT32" },
      { name: "x", data: [1, 2], type: "INT32" },
    ]);
    await expect(readDataset(root)).rejects.toThrow(
      "column image: expected pictures: bytes, paths, or both but found image",
    );
  });
});

/** Writes a tar of the given files; a header stands for what is no file. */
async function tar(
  name: string,
  files: readonly (readonly [
    string | (Partial<Header> & Pick<Header, "name">),
    (Uint8Array | string)?,
  ])[],
): Promise<Buffer> {
  const shard = pack();
  for (const [file, content = ""] of files) {
    shard.entry(typeof file === "string" ? { name: file } : file, Buffer.from(content));
  }
  shard.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of shard) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  await writeFile(join(root, name), bytes);
  return bytes;
}

describe("webdataset", () => {
  it("joins pictures with .txt and .json by the key up to the first dot", async () => {
    const long = `${"d/".repeat(80)}four`;
    await tar("00000.tar", [
      ["1.png", png(1)],
      ["1.json", '{"caption": "not this", "class": 3}'],
      ["1.txt", "\ufeff one \n"],
      ["1.seg.png", png(2)],
      ["sub.dir/2.json", '{"caption": "two", "key": "2"}'],
      ["sub.dir/2.png", png(2)],
      ["no-picture.txt", "x"],
      ["__key__", "no dot"],
    ]);
    await tar("00001.tar", [
      ["3.png", png(3)],
      [`${long}.png`, png(4)],
      [`${long}.txt`, "four"],
    ]);
    const dataset = await readDataset(root);
    expect(dataset).toMatchObject({ layout: "webdataset", images: 5 });
    expect(shown(dataset)).toEqual([
      ["1.png", "one", { class: 3 }],
      [`${long}.png`, "four", {}],
      ["sub.dir/2.png", "two", { key: "2" }],
    ]);
    expect(await pictures(dataset)).toEqual([1, 4, 2]);
    expect(dataset.missingCaption).toEqual([`${join(root, "00001.tar")}#3.png`]);
    expect(dataset.leftOut).toEqual([
      { path: `${join(root, "00000.tar")}#1.seg.png`, reason: "its sample has 1.png already" },
    ]);
  });

  it("takes or lists every picture, whatever its name", async () => {
    const jpeg = await RgbImage.filled(4, 4, [9, 9, 9]).encodeJpeg();
    await tar("0.tar", [
      // As webdataset's keys go, these two are of one sample; each has a caption of its own.
      ["IMG 2.0 x.png", png(1)],
      ["IMG 2.0 x.txt", "two and a bit"],
      ["IMG 2.1.png", png(2)],
      ["IMG 2.1.txt", "a bit more"],
      ["b.image.png", png(3)],
      ["b.mask.png", png(4)],
      ["b.txt", "a b"],
      ["UP.PNG", png(4)],
      ["UP.TXT", "in capitals"],
      ["c.jfif", jpeg],
      ["c.caption", "a c"],
      ["d.seg", png(2)],
      ["d.webp", png(1)],
      ["d.json", '{"text": "a d"}'],
      ["e.bin", png(2)],
      ["e.txt", "under no picture's name"],
      ["f", png(1)],
      ["g.psd", "8BPS"],
      ["h.npy", "numbers"],
      ["._i.png", "macOS"],
      ["__MACOSX/j.png", "macOS"],
      ["k.png", png(1)],
      ["k.png", png(2)],
      ["k.txt", "the last of two"],
    ]);
    const { entries, missingCaption, unreadable, leftOut, images } = await readDataset(root);
    expect(entries.map(({ file, text }) => [file, text])).toEqual([
      ["IMG 2.0 x.png", "two and a bit"],
      ["IMG 2.1.png", "a bit more"],
      ["UP.PNG", "in capitals"],
      ["b.image.png", "a b"],
      ["c.jfif", "a c"],
      ["d.webp", "a d"],
      ["e.bin", "under no picture's name"],
      ["k.png", "the last of two"],
    ]);
    expect(Buffer.from((await entries[7]?.read()) ?? []).equals(png(2))).toBe(true);
    const shard = join(root, "0.tar");
    expect(missingCaption).toEqual([`${shard}#f`]);
    expect(unreadable).toEqual([]);
    expect(leftOut.map(({ path, reason }) => [path.slice(shard.length + 1), reason])).toEqual([
      ["b.mask.png", "its sample has b.image.png already"],
      ["d.seg", "its sample has d.webp already"],
      ["g.psd", "expected a JPEG, PNG, WebP or AVIF picture but found unknown data"],
      ["k.png", "the shard contains a later file of this name, which is used instead, as tar does"],
    ]);
    expect(images).toBe(13);
  });

  it("reads names that begin with ./, NaN in JSON, UTF-16 and é in either spelling", async () => {
    await tar("0.tar", [
      [{ name: "./", type: "directory" }],
      ["./a.png", png(1)],
      ["./a.txt", "an a"],
      ["./a.json", '{"similarity": NaN, "aesthetic": -Infinity, "n": 3}'],
      ["sub/.//b.png", png(2)],
      ["sub/b.txt", Buffer.from("\ufeffFüchslein", "utf16le")],
      [`${"é".normalize("NFD")}.png`, png(3)],
      [`${"é".normalize("NFC")}.txt`, "an é"],
      ["z.png", png(4)],
      ["z.txt", "\u200b"],
    ]);
    const dataset = await readDataset(root);
    expect(shown(dataset)).toEqual([
      ["a.png", "an a", { similarity: Number.NaN, aesthetic: Number.NEGATIVE_INFINITY, n: 3 }],
      [`${"é".normalize("NFD")}.png`, "an é", {}],
      ["sub/b.png", "Füchslein", {}],
    ]);
    expect(dataset.missingCaption).toEqual([`${join(root, "0.tar")}#z.png`]);
    expect(dataset.unreadable).toEqual([]);
  });

  it.each(["0.tar.gz", "0.tgz", "0.TAR"])("reads gzip under the name %s", async (name) => {
    const plain = await tar("plain", [
      ["1.png", png(1)],
      ["1.txt", "one"],
      ["2.png", png(2)],
      ["2.json", JSON.stringify({ text: "two", note: "x".repeat(9000) })],
    ]);
    await rm(join(root, "plain"));
    await writeFile(join(root, name), gzipSync(plain));
    const dataset = await readDataset(root);
    expect(dataset.entries.map(({ file, text }) => [file, text])).toEqual([
      ["1.png", "one"],
      ["2.png", "two"],
    ]);
    expect(await pictures(dataset)).toEqual([1, 2]);
    expect((await readDataset(root)).entries).toHaveLength(2);
  });

  it("refuses gzip that is cut off, damaged, or grows without measure", async () => {
    const path = join(root, "0.tar.gz");
    const whole = gzipSync(await tar("plain", [["1.png", png(1)]]));
    await rm(join(root, "plain"));
    await writeFile(path, whole.subarray(0, whole.length - 20));
    await expect(readDataset(root)).rejects.toThrow(
      `${path}: content: expected data in gzip but found unexpected end of file; get the file again`,
    );
    const damaged = Buffer.from(whole);
    damaged.fill(255, 12, 40);
    await writeFile(path, damaged);
    await expect(readDataset(root)).rejects.toThrow(`${path}: content: expected data in gzip but`);
    await writeFile(path, gzipSync(Buffer.alloc(70 * 2 ** 20)));
    await expect(readDataset(root)).rejects.toThrow(
      `${path}: content: expected at most ${64 * 2 ** 20} bytes when unpacked but found more`,
    );
    // A file that was good after all is read.
    await writeFile(path, whole);
    expect((await readDataset(root, { instancePrompt: "x" })).entries).toHaveLength(1);
  });

  it("reads NaN and whole numbers beyond 2^53 in .json, and captions in UTF-16", async () => {
    await tar("0.tar", [
      ["1.png", png(1)],
      ["1.json", '{"caption": "one", "similarity": NaN, "id": 9007199254740993}'],
      ["2.png", png(2)],
      ["2.txt", Buffer.from("\ufefftwo", "utf16le")],
      ["2.json", '{"similarity": Infinity}'],
    ]);
    const dataset = await readDataset(root);
    expect(dataset.unreadable).toEqual([]);
    expect(shown(dataset)).toEqual([
      ["1.png", "one", { similarity: Number.NaN, id: 9007199254740993n }],
      ["2.png", "two", { similarity: Number.POSITIVE_INFINITY }],
    ]);
  });

  it("puts the shard before names that two shards have", async () => {
    await tar("a.tar", [
      ["1.png", png(1)],
      ["1.txt", "one"],
    ]);
    await tar("b.tar", [
      ["1.png", png(2)],
      ["1.txt", "two"],
    ]);
    const dataset = await readDataset(root);
    expect(shown(dataset)).toEqual([
      ["a/1.png", "one", {}],
      ["b/1.png", "two", {}],
    ]);
    expect(await pictures(dataset)).toEqual([1, 2]);
  });

  it("lists links, escapes, foreign formats and bad captions, and follows none", async () => {
    await tar("0.tar", [
      ["good.png", png(1)],
      ["good.txt", "good"],
      ["good.jpg", png(2)],
      [{ name: "link.png", type: "symlink", linkname: "/etc/passwd" }],
      [{ name: "hard.png", type: "link", linkname: "good.png" }],
      ["../../escape.png", png(1)],
      ["/abs.png", png(1)],
      ["gif.gif", "GIF89a"],
      ["latin.png", png(1)],
      ["latin.txt", Buffer.from("F\xfcchslein", "latin1")],
      ["list.png", png(1)],
      ["list.json", "[1]"],
      ["bad.png", png(1)],
      ["bad.json", "{"],
      ["big.png", png(1)],
      ["big.txt", "x".repeat(2 ** 24 + 1)],
    ]);
    const { entries, unreadable } = await readDataset(root);
    expect(entries.map(({ file }) => file)).toEqual(["good.png"]);
    const reasons = Object.fromEntries(
      unreadable.map(({ path, reason }) => [path.slice(path.indexOf("#") + 1), reason]),
    );
    expect(reasons).toEqual({
      "good.jpg": "its sample has good.png already",
      "link.png": "is a symlink, which is not followed",
      "hard.png": "is a link, which is not followed",
      "../../escape.png": "its name leads out of the folder",
      "/abs.png": "its name leads out of the folder",
      "gif.gif": "expected a JPEG, PNG, WebP or AVIF picture but found a GIF",
      "latin.png": "its caption latin.txt is not UTF-8",
      "list.png": "its caption list.json is not a JSON object",
      "bad.png": expect.stringContaining("its caption bad.json: "),
      "big.png":
        "its caption big.txt is too long: expected at most 16777216 bytes but found 16777217",
    });
  });

  it("refuses a damaged tar, one that is cut off, and a size beyond its end", async () => {
    const path = join(root, "0.tar");
    const whole = await tar("0.tar", [
      ["1.png", png(1)],
      ["1.txt", "one"],
    ]);
    await writeFile(path, whole.subarray(0, 540));
    await expect(readDataset(root)).rejects.toThrow(
      `${path}: byte 0: expected ${png(1).length} bytes of 1.png but found 28; the file is incomplete; get it again`,
    );
    const flipped = Buffer.from(whole);
    flipped[10] = 255;
    await writeFile(path, flipped);
    await expect(readDataset(root)).rejects.toThrow(
      `${path}: byte 0: expected the header of a tar but found Invalid tar header`,
    );
    await writeFile(path, whole.subarray(0, 200));
    await expect(readDataset(root)).rejects.toThrow(
      `${path}: byte 0: expected the header of a tar but found`,
    );
    const vast = Buffer.from(whole);
    vast.write("77777777777\0", 124);
    vast.fill(" ", 148, 156);
    const sum = vast.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    vast.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await writeFile(path, vast);
    const start = performance.now();
    await expect(readDataset(root)).rejects.toThrow(
      `expected ${2 ** 33 - 1} bytes of 1.png but found `,
    );
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("layouts in one folder", () => {
  const beside = async (): Promise<void> => {
    for (const i of [1, 2]) {
      await writeFile(join(root, `${i}.png`), png(i));
      await writeFile(join(root, `${i}.txt`), `the ${i}`);
    }
  };
  const said = ["the 1", "the 2"];
  const texts = ({ entries }: Dataset): string[] => entries.map(({ text }) => text);

  it("takes a .tar.gz for what the pictures beside it were unpacked from, and says so", async () => {
    await beside();
    const bytes = await tar("data/all.tgz", [
      ["3.png", png(3)],
      ["3.txt", "the 3"],
    ]);
    await writeFile(join(root, "data", "all.tgz"), gzipSync(bytes));
    const dataset = await readDataset(root);
    expect(texts(dataset)).toEqual(said);
    expect(dataset.notes).toEqual([
      "data/all.tgz is not read; if it contains separate shards: --layout webdataset or dataset.layout",
    ]);
    expect(texts(await readDataset(root, { layout: "webdataset" }))).toEqual(["the 3"]);
  });

  it.each(["backup.tar", "data/photos.tar"])(
    "refuses captions beside pictures with the pictures in %s",
    async (name) => {
      await beside();
      await tar(name, [["3.png", png(3)]]);
      await expect(readDataset(root)).rejects.toThrow(
        `${root} contains several layouts: side-cars (1.txt), webdataset (${name}). Say which one to read: layout`,
      );
      const dataset = await readDataset(root, { layout: "side-cars" });
      expect(texts(dataset)).toEqual(said);
      expect(dataset.notes).toEqual([
        `${name} (webdataset) is not read, since the layout side-cars was named`,
      ]);
    },
  );

  it("refuses them with the pictures in a parquet file, and with a damaged one", async () => {
    await beside();
    parquet("data/features.parquet", [{ name: "image", data: [png(3)], type: "BYTE_ARRAY" }]);
    const several = `${root} contains several layouts: side-cars (1.txt), parquet (data/features.parquet)`;
    await expect(readDataset(root)).rejects.toThrow(several);
    await writeFile(join(root, "data", "features.parquet"), "PAR1 not really");
    await expect(readDataset(root)).rejects.toThrow(several);
  });

  it("passes over containers without pictures, and says so", async () => {
    await beside();
    await tar("notes.tar", [["a.txt", "x"]]);
    parquet("features.parquet", [{ name: "vector", data: [1, 2], type: "INT32" }]);
    const dataset = await readDataset(root);
    expect(dataset).toMatchObject({ layout: "side-cars", leftOut: [], unreadable: [] });
    expect(texts(dataset)).toEqual(said);
    expect(dataset.notes).toEqual([
      "features.parquet contains no pictures and is skipped",
      "notes.tar contains no pictures and is skipped",
    ]);
  });

  it("reads a container with loose pictures beside it, and lists those", async () => {
    await writeFile(join(root, "preview.png"), png(4));
    await tar("0.tar", [
      ["1.png", png(1)],
      ["1.txt", "the 1"],
    ]);
    const dataset = await readDataset(root);
    expect(texts(dataset)).toEqual(["the 1"]);
    expect(dataset.images).toBe(2);
    expect(dataset.leftOut).toEqual([
      {
        path: join(root, "preview.png"),
        reason: "is not listed in the webdataset data next to it, and only what is listed is read",
      },
    ]);
    // With one caption for all, they might be meant.
    await expect(readDataset(root, { instancePrompt: "a sks dog" })).rejects.toThrow(
      "contains several layouts: pictures (preview.png), webdataset (0.tar)",
    );
  });

  it("takes caption files beside a table of paths for its own", async () => {
    await beside();
    parquet("metadata.parquet", [
      { name: "file_name", data: ["1.png"], type: "STRING" },
      { name: "text", data: ["from the table"], type: "STRING" },
    ]);
    const dataset = await readDataset(root);
    expect(texts(dataset)).toEqual(["from the table"]);
    expect(dataset.leftOut.map(({ path }) => path)).toEqual([join(root, "2.png")]);
  });
});

describe("splits by names of files", () => {
  it("are read off shards and off parquet files of any name", async () => {
    for (const [i, split] of ["train", "Test", "val"].entries()) {
      await tar(`${split}-000.tar`, [
        [`${i}.png`, png(i + 1)],
        [`${i}.txt`, split],
      ]);
    }
    const { entries, splits } = await readDataset(root);
    expect(entries.map(({ columns }) => columns.split)).toEqual(["train", "test", "validation"]);
    expect(splits.map(({ split, isHeldOut }) => [split, isHeldOut])).toEqual([
      ["train", false],
      ["test", true],
      ["validation", true],
    ]);
  });
});
