import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import type { Dataset, DatasetOptions } from "../dataset.ts";
import { readDataset } from "../read-dataset.ts";

let work: string;
let root: string;
let png: Uint8Array;
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-tables-"));
  png = await RgbImage.filled(4, 4, [1, 2, 3]).encodePng();
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(async () => {
  count += 1;
  root = join(work, `${count}`);
  await mkdir(root);
});
afterEach(() => rm(root, { recursive: true }));

/** Writes files below the root: a PNG for `true`, else the given content. */
async function read(
  contents: Record<string, true | string>,
  options?: DatasetOptions,
): Promise<Dataset> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content === true ? png : content);
  }
  return readDataset(root, options);
}

const shown = ({ layout, entries }: Dataset): unknown[] => [
  layout,
  ...entries.map(({ file, text, columns }) => [file, text, columns]),
];

describe("metadata.csv", () => {
  it("reads Hugging Face's columns, quotes, numbers and blank fields", async () => {
    const csv =
      "\ufefffile_name,text,class,code,note\r\n" +
      'b.png,"a ""b"", and\nmore",3,007,\r\n' +
      "sub/a.png,12,4.5,010,x\r\n";
    expect(shown(await read({ "b.png": true, "sub/a.png": true, "metadata.csv": csv }))).toEqual([
      "csv",
      ["b.png", 'a "b", and\nmore', { class: 3, code: "007" }],
      ["sub/a.png", "12", { class: 4.5, code: "010", note: "x" }],
    ]);
  });

  // Every right value of the next tests is what pandas 3.1.1 gives for the same text.
  const table = async (csv: string, name = "metadata.csv"): Promise<unknown> =>
    shown(await read({ "a.png": true, "b.png": true, [name]: csv }, { acceptUncaptioned: true }));

  it("reads quotes inside of cells, and text behind a quoted part", async () => {
    expect(await table('file_name,text\na.png,a 5" pipe\nb.png,"a "b" c"\n')).toEqual([
      "csv",
      ["a.png", 'a 5" pipe', {}],
      ["b.png", 'a b" c"', {}],
    ]);
  });

  it("reads lines whose last cells are missing, blank lines and lines of commas alone", async () => {
    expect(await table("file_name,text,style\n\na.png,x\n   \nb.png\n,,\n")).toEqual([
      "csv",
      ["a.png", "x", {}],
      ["b.png", "", {}],
    ]);
  });

  it("lets the first of two columns keep its name", async () => {
    expect(await table("file_name,text,text,text.1,\na.png,x,x2,x3,x4\nb.png,y,,,\n")).toEqual([
      "csv",
      ["a.png", "x", { "text.2": "x2", "text.1": "x3", "Unnamed: 4": "x4" }],
      ["b.png", "y", {}],
    ]);
  });

  it("takes the cells for missing that pandas does, but for quoted ones", async () => {
    const csv = 'file_name,text,score,style\na.png,nan,1.5,None\nb.png,"None",nan,NA\n';
    expect(await table(csv)).toEqual([
      "csv",
      ["a.png", "", { score: 1.5 }],
      ["b.png", "None", { score: Number.NaN }],
    ]);
  });

  it("reads whole numbers up to uint64, infinities, and floats as Python writes them", async () => {
    const rows = ["9007199254740993,inf,1.0,1e-05,1.10", "18446744073709551615,-inf,-2.5,1e+16,2"];
    const csv = rows.map((row, i) => `${"ab"[i]}.png,x,${row},1844674407370955161${6 + i}\n`);
    expect(await table(`file_name,text,id,edge,class,small,version,long\n${csv.join("")}`)).toEqual(
      [
        "csv",
        [
          "a.png",
          "x",
          {
            id: 9007199254740993n,
            edge: Number.POSITIVE_INFINITY,
            class: 1,
            small: 1e-5,
            version: "1.10",
            long: "18446744073709551616",
          },
        ],
        [
          "b.png",
          "x",
          {
            id: 18446744073709551615n,
            edge: Number.NEGATIVE_INFINITY,
            class: -2.5,
            small: 1e16,
            version: "2",
            long: "18446744073709551617",
          },
        ],
      ],
    );
  });

  it("reads tabs where the name says so", async () => {
    const tsv = 'file_name\ttext\ta\na.png\t"x\t""y"""\t1\nb.png\tone, two\n';
    expect(await table(tsv, "metadata.tsv")).toEqual([
      "csv",
      ["a.png", 'x\t"y"', { a: 1 }],
      ["b.png", "one, two", {}],
    ]);
  });

  it("joins rows on one picture", async () => {
    expect(await table("file_name,text\na.png,x\na.png,y\nb.png,z\n")).toEqual([
      "csv",
      ["a.png", "x", { text: ["x", "y"] }],
      ["b.png", "z", {}],
    ]);
  });

  it("reads diffengine's columns, and those that are named", async () => {
    const pictures = { "a.png": true, "sub/b.png": true } as const;
    const usual = await read({
      ...pictures,
      "metadata.csv": "image,text\na.png,an a\nsub/b.png,a b\n",
    });
    expect(usual.entries.map(({ text }) => text)).toEqual(["an a", "a b"]);
    const named = await read(
      { ...pictures, "metadata.csv": "where,text,long\na.png,no,an a\nsub/b.png,no,a b\n" },
      { imageColumn: "where", textColumn: "long" },
    );
    expect(shown(named)).toEqual([
      "csv",
      ["a.png", "an a", { text: "no" }],
      ["sub/b.png", "a b", { text: "no" }],
    ]);
  });

  it("names line and columns of a table that it can't use", async () => {
    await expect(read({ "a.png": true, "metadata.csv": "where,text\na.png,x\n" })).rejects.toThrow(
      `${join(root, "metadata.csv")} line 1: expected a column file_name or image but found where, text`,
    );
    await expect(read({ "metadata.csv": "file_name;text\na.png;x\n" })).rejects.toThrow(
      "expected a column file_name or image but found file_name;text; separate columns with commas",
    );
    // pandas: "Expected 2 fields in line 3, saw 3"
    await expect(read({ "metadata.csv": "file_name,text\na.png,x\nb.png,x,y\n" })).rejects.toThrow(
      `${join(root, "metadata.csv")} line 3: expected 2 fields, as in the header, but found 3; put quotes around a field that contains commas`,
    );
    // pandas: "EOF inside string starting at row 2"
    await expect(
      read({ "metadata.csv": 'file_name,text\na.png,"x\ny"\nb.png,"x\n' }),
    ).rejects.toThrow(
      `${join(root, "metadata.csv")}: expected comma- or tab-separated values but the quote opened on line 4 is not closed`,
    );
    await expect(read({ "metadata.csv": "file_name,text\n,x\n" })).rejects.toThrow(
      `${join(root, "metadata.csv")} line 2: expected a path for "file_name" but found nothing`,
    );
  });
});

describe("one file of captions", () => {
  it("reads a map of captions, of lists, and kohya's of objects without extensions", async () => {
    const map = {
      "sub/a": { caption: "an a", tags: "x, y" },
      "b.png": "a b",
      "c.png": ["", "a c", "another"],
    };
    const files = { "sub/a.png": true, "b.png": true, "c.png": true } as const;
    expect(shown(await read({ ...files, "captions.json": JSON.stringify(map) }))).toEqual([
      "captions",
      ["b.png", "a b", {}],
      ["c.png", "a c", { text: ["", "a c", "another"] }],
      ["sub/a.png", "an a, x, y", { tags: "x, y" }],
    ]);
  });

  // What sd-scripts' FineTuningDataset makes of the same metadata (library/train_util.py).
  it("joins caption and tags as kohya trains on them, and no other column of tags", async () => {
    const map = {
      "a.v1": { caption: "x", tags: "t1, t2" },
      b: { tags: "t3" },
      "c.png": { caption: "y", tags: "" },
      d: { caption: "", tags: "t4" },
      e: { text: "z", tags: "t5" },
    };
    const pictures = { "a.v1.png": true, "b.png": true, "c.png": true } as const;
    const more = { "d.png": true, "e.png": true } as const;
    const dataset = await read({ ...pictures, ...more, "captions.json": JSON.stringify(map) });
    expect(dataset.entries.map(({ file, text }) => [file, text])).toEqual([
      ["a.v1.png", "x, t1, t2"],
      ["b.png", "t3"],
      ["c.png", "y"],
      ["d.png", "t4"],
      ["e.png", "z"],
    ]);
    const own = await readDataset(root, { textColumn: "caption" });
    expect(own.entries.map(({ text }) => text)).toEqual(["x", "y"]);
  });

  it("finds absolute paths, as kohya writes them with --full_path, and NaN beside captions", async () => {
    const json = `{${JSON.stringify(join(root, "sub/a.png"))}: {"caption": "an a", "score": NaN}}`;
    const dataset = await read({ "sub/a.png": true, "captions.json": json });
    expect(shown(dataset)).toEqual(["captions", ["sub/a.png", "an a", { score: Number.NaN }]]);
  });

  it("reads lines with tabs, and a table as Flickr8k has it", async () => {
    const files = { "a.png": true, "b.png": true } as const;
    const lines = await read({ ...files, "captions.txt": "a.png\tan a, red\r\n\nb.png\ta b\n" });
    expect(lines.entries.map(({ text }) => text)).toEqual(["an a, red", "a b"]);
    const table = await read({
      ...files,
      "captions.txt": 'image,caption\na.png,"an a, red"\nb.png,a b\n',
    });
    expect(table.entries.map(({ text }) => text)).toEqual(["an a, red", "a b"]);
  });

  // The rows are those of Kaggle's Flickr8k and of its Flickr8k.token.txt.
  it("keeps every line of Flickr8k's five a picture, in its folder Images and in its numbered form", async () => {
    const pictures = { "Images/a.jpg": true, "Images/b.jpg": true } as const;
    const five = [0, 1, 2, 3, 4];
    const table = five.flatMap((n) => [`a.jpg,"A girl , ${n} ."`, `b.jpg,A dog ${n} .`]);
    const lines = five.flatMap((n) => [`a.jpg#${n}\tA girl , ${n} .`, `b.jpg#${n}\tA dog ${n} .`]);
    const captions = ["A girl , ", "A dog "].map((text) => five.map((n) => `${text}${n} .`));
    for (const text of [["image,caption", ...table], lines]) {
      expect(shown(await read({ ...pictures, "captions.txt": text.join("\n") }))).toEqual([
        "captions",
        ["Images/a.jpg", "A girl , 0 .", { text: captions[0] }],
        ["Images/b.jpg", "A dog 0 .", { text: captions[1] }],
      ]);
    }
  });

  it("reads lines with tabs under a header", async () => {
    const text = "image\tcaption\tscore\na.png\tan a\t1\n";
    expect(shown(await read({ "a.png": true, "captions.txt": text }))).toEqual([
      "captions",
      ["a.png", "an a", { score: 1 }],
    ]);
  });

  it("takes captions.txt for the caption of captions.png", async () => {
    const dataset = await read({ "captions.png": true, "captions.txt": "a list of words" });
    expect(shown(dataset)).toEqual(["side-cars", ["captions.png", "a list of words", {}]]);
  });

  it("refuses what is no map and lines without a tab", async () => {
    await expect(read({ "captions.json": "[1]" })).rejects.toThrow(
      `${join(root, "captions.json")}: content: expected an object of paths and captions but found [1]`,
    );
    await expect(read({ "captions.json": "{" })).rejects.toThrow(
      "content: expected JSON but found",
    );
    await expect(read({ "captions.json": '{"a.png": 3}' })).rejects.toThrow(
      `${join(root, "captions.json")} at "a.png": expected a string for "text" but found 3`,
    );
    await rm(join(root, "captions.json"));
    await expect(read({ "captions.txt": "a.png\tx\nb.png x\n" })).rejects.toThrow(
      `${join(root, "captions.txt")} line 2: expected a path, a tab and a caption but found "b.png x"`,
    );
  });
});

describe("PixArt's lists", () => {
  const item = (path: string, more: object = {}): object => ({
    path,
    prompt: `the ${path}`,
    width: 4,
    height: 4,
    ratio: 1,
    ...more,
  });

  it("finds pictures in InternImgs, dense captions in sharegpt4v, and leaves out tall ones", async () => {
    const list = [
      item("d/b.png", { sharegpt4v: " long words ", style: "ink" }),
      item("a.png", { sharegpt4v: "" }),
      item("tall.png", { ratio: 4.6 }),
      item("4.5.png", { ratio: 4.5 }),
      item("gone.png"),
      item("../a.png"),
      item("./a.png", { prompt: "another" }),
      item("d\\b.png", { sharegpt4v: "long words", style: "ink" }),
    ];
    const pictures = ["d/b", "a", "tall", "4.5"].map((name) => [`InternImgs/${name}.png`, true]);
    const dataset = await read({
      ...Object.fromEntries(pictures),
      "InternData/data_info.json": JSON.stringify(list),
    });
    expect(shown(dataset)).toEqual([
      "pixart-json",
      ["4.5.png", "the 4.5.png", {}],
      ["a.png", "the a.png", { text: ["the a.png", "another"] }],
      [
        "d/b.png",
        "the d/b.png",
        { dense_text: "long words", style: "ink", text: ["the d/b.png", "the d\\b.png"] },
      ],
    ]);
    expect(dataset.images).toBe(6);
    expect(dataset.leftOut).toEqual([
      {
        path: join(root, "InternImgs", "tall.png"),
        reason: "its height over width, 4.6, is more than 4.5",
      },
    ]);
    const where = join(root, "InternData", "data_info.json");
    expect(dataset.unreadable).toEqual([
      { path: `${where} item 6`, reason: 'its path "../a.png" leads out of the folder' },
      {
        path: join(root, "InternImgs", "gone.png"),
        reason: `there is no such file (named at ${where} item 5)`,
      },
    ]);
    const inside = await readDataset(join(root, "InternData"));
    expect(inside.entries.map(({ file }) => file)).toEqual(["4.5.png", "a.png", "d/b.png"]);
  });

  it("takes the filtered lists of alpha before the whole ones, to a ratio of 4", async () => {
    const dataset = await read({
      "InternImgs/a.png": true,
      "InternImgs/b.png": true,
      "InternData/partition/part0.json": JSON.stringify([item("a.png"), item("b.png")]),
      "InternData/partition_filter/part0.json": JSON.stringify([
        item("a.png"),
        item("b.png", { ratio: 4.1 }),
      ]),
    });
    expect(dataset.entries.map(({ file }) => file)).toEqual(["a.png"]);
    expect(dataset.leftOut).toHaveLength(1);
  });

  it.each([
    ["{}", "content: expected a list but found {}"],
    ["[3]", "item 1: expected an object but found 3"],
    ['[{"prompt": "x"}]', "item 1: expected a path but found nothing"],
    ['[{"path": "a.png"}]', "item 1: expected a prompt but found nothing"],
    [
      '[{"path": "a.png", "prompt": "x", "sharegpt4v": 1}]',
      "item 1: expected text for sharegpt4v but found 1",
    ],
  ])("refuses %s", async (json, message) => {
    await expect(read({ "InternData/data_info.json": json })).rejects.toThrow(
      `${join(root, "InternData", "data_info.json")}: ${message}`,
    );
  });
});

describe("readDataset", () => {
  it("refuses mixed layouts, and reads the one that is named", async () => {
    const files = {
      "a.png": true,
      "metadata.jsonl": '{"file_name": "a.png", "text": "from lines"}',
      "captions.csv": "file_name,text\na.png,from the table\n",
    } as const;
    await expect(read(files)).rejects.toThrow(
      `${root} contains several layouts: jsonl (metadata.jsonl), csv (captions.csv). Say which one to read: layout`,
    );
    expect((await read(files, { layout: "csv" })).entries[0]?.text).toBe("from the table");
  });

  it("gives all pictures DreamBooth's prompt, with those of the class beside them", async () => {
    const classFolder = join(root, "class");
    const set = join(root, "set");
    await read({
      "class/1.png": true,
      "set/a.png": true,
      "set/b.png": true,
      "set/b.txt": "not this",
    });
    const dataset = await readDataset(set, {
      instancePrompt: "a photo of sks dog",
      classFolder,
      classPrompt: "a photo of a dog",
    }).catch((error) => error);
    expect(dataset.entries.map(({ text }: { text: string }) => text)).toEqual([
      "a photo of sks dog",
      "a photo of sks dog",
    ]);
    expect(dataset.classEntries).toMatchObject([{ file: "1.png", text: "a photo of a dog" }]);
    expect(dataset.missingCaption).toEqual([]);
  });

  it("refuses half of what DreamBooth needs", async () => {
    await expect(readDataset(root, { classFolder: root })).rejects.toThrow(
      "Expected classFolder and classPrompt together but received classFolder alone",
    );
    await expect(readDataset(root, { classPrompt: "a dog" })).rejects.toThrow(
      "but received classPrompt alone",
    );
    await expect(readDataset(root, { instancePrompt: " " })).rejects.toThrow(
      'Expected a caption for instancePrompt but received ""',
    );
  });
});
