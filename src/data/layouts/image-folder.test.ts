import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { readDataset } from "../read-dataset.ts";
import { listFiles } from "./list-files.ts";

let work: string;
let root: string;
let png: Uint8Array;
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-folder-"));
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
async function files(contents: Record<string, true | string | Uint8Array>): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content === true ? png : content);
  }
}

describe("readDataset of pictures in files", () => {
  it("reads metadata.jsonl with its other columns, sorted by file", async () => {
    await files({
      "b.png": true,
      "images/noto/a.png": true,
      "metadata.jsonl":
        '{"file_name": "images/noto/a.png", "text": "an a", "thing": "a", "class": 3}\n' +
        '{"file_name": "b.png", "text": "a b"}\n',
    });
    expect(await readDataset(root)).toMatchObject({
      location: root,
      layout: "jsonl",
      entries: [
        { file: "b.png", path: join(root, "b.png"), text: "a b", columns: {} },
        {
          file: "images/noto/a.png",
          path: join(root, "images", "noto", "a.png"),
          text: "an a",
          columns: { thing: "a", class: 3 },
        },
      ],
      images: 2,
      captioned: 2,
      missingCaption: [],
      unreadable: [],
    });
  });

  it("reads .txt and .caption files beside the pictures, sub-folders included", async () => {
    await files({
      "a.png": true,
      "a.txt": "\ufeff an a\n",
      "sub/b.JPG": true,
      "sub/b.caption": "a b",
      "sub/c.png": true,
      "sub/c.txt": "  \n",
      "d.png": true,
    });
    const folder = await readDataset(root);
    expect(folder.entries.map(({ file, text }) => [file, text])).toEqual([
      ["a.png", "an a"],
      ["sub/b.JPG", "a b"],
    ]);
    expect(folder).toMatchObject({ images: 4, captioned: 2, unreadable: [] });
    expect(folder.missingCaption).toEqual([join(root, "d.png"), join(root, "sub/c.png")]);
  });

  it("lets a line of metadata win, and takes the file beside where the line has no text", async () => {
    await files({
      "sub/a.png": true,
      "sub/a.txt": "from the file",
      "sub/b.png": true,
      "sub/b.txt": "from the file",
      "sub/metadata.jsonl":
        '{"file_name": "a.png", "text": "from the line"}\n{"file_name": "b.png", "score": 2}',
    });
    const { entries } = await readDataset(root);
    expect(entries.map(({ text, columns }) => [text, columns])).toEqual([
      ["from the line", {}],
      ["from the file", { score: 2 }],
    ]);
  });

  it("lists what can't be used with the reason, and counts it", async () => {
    await files({
      "good.png": true,
      "a.gif": "GIF89a",
      "b.png": "",
      "c.png": "<svg/>",
      "d.png": true,
      "d.txt": Buffer.from("F\xfcchslein", "latin1"),
      "metadata.jsonl":
        '{"file_name": "good.png", "text": "good"}\n{"file_name": "gone.png", "text": "gone"}',
    });
    const { images, captioned, missingCaption, unreadable } = await readDataset(root);
    expect({ images, captioned, missingCaption }).toEqual({
      images: 6,
      captioned: 1,
      missingCaption: [],
    });
    const expected = "expected a JPEG, PNG, WebP or AVIF picture but found";
    expect(unreadable).toEqual([
      { path: join(root, "a.gif"), reason: `${expected} a GIF` },
      { path: join(root, "b.png"), reason: `${expected} an empty file` },
      { path: join(root, "c.png"), reason: `${expected} an SVG or other XML` },
      { path: join(root, "d.png"), reason: `its caption ${join(root, "d.txt")} is not UTF-8` },
      {
        path: join(root, "gone.png"),
        reason: `there is no such file (named at ${join(root, "metadata.jsonl")} line 2)`,
      },
    ]);
  });

  it("passes over hidden files and follows links to pictures", async () => {
    await files({
      "._a.png": "junk",
      ".cache/b.png": true,
      "__MACOSX/c.png": "junk",
      "d.txt": "a d",
    });
    await writeFile(join(work, "elsewhere.png"), png);
    await symlink(join(work, "elsewhere.png"), join(root, "d.png"));
    const { entries, images } = await readDataset(root);
    expect(images).toBe(1);
    expect(entries.map(({ file }) => file)).toEqual(["d.png"]);
  });

  it("tells pictures by their content, whatever picture's name they have", async () => {
    const jpeg = await RgbImage.filled(4, 4, [9, 9, 9]).encodeJpeg();
    const names = ["a.jfif", "b.jpe", "c.jfi", "d.apng", "e.heif", "f.JP2", "g.ico", "h.psd"];
    await files(Object.fromEntries(names.map((name) => [name, jpeg])));
    await files(Object.fromEntries(names.map((name) => [name.replace(/\w+$/, "txt"), name])));
    const { entries, unreadable, leftOut } = await readDataset(root);
    expect(entries.map(({ file, text }) => [file, text])).toEqual(
      names.map((name) => [name, name]),
    );
    expect([unreadable, leftOut]).toEqual([[], []]);
  });

  it("lists every other picture: those of formats that aren't read, sources and copies", async () => {
    await files({
      "a.png": true,
      "a.txt": "an a",
      "b.jp2": "\0\0\0\x0cjP  \r\n",
      "c.heif": "\0\0\0\x18ftypheic\0\0\0\0mif1heic",
      "d.psd": "8BPS",
      "e.nef": "MM\0*",
      "f.png.bak": true,
      g: true,
      "notes.dat": "no picture",
      "h.docx": true,
    });
    const { images, captioned, missingCaption, unreadable, leftOut } = await readDataset(root);
    expect({ images, captioned, missingCaption }).toEqual({
      images: 7,
      captioned: 1,
      missingCaption: [],
    });
    const expected = "expected a JPEG, PNG, WebP or AVIF picture but found";
    expect(unreadable).toEqual([
      { path: join(root, "b.jp2"), reason: `${expected} unknown data` },
      {
        path: join(root, "c.heif"),
        reason: `${expected} a HEIF picture other than AVIF`,
      },
    ]);
    const copy =
      "its first bytes are those of a png, but its name is not that of a picture; rename it to end in .png";
    expect(leftOut).toEqual([
      { path: join(root, "d.psd"), reason: `${expected} unknown data` },
      { path: join(root, "e.nef"), reason: `${expected} a TIFF` },
      { path: join(root, "f.png.bak"), reason: copy },
      { path: join(root, "g"), reason: copy },
    ]);
  });

  it("finds captions whatever the case of their ending and however é is written", async () => {
    await files({
      "UP.PNG": true,
      "UP.TXT": "in capitals",
      "both.png": true,
      "both.TXT": "not this",
      "both.txt": "this",
      [`${"é".normalize("NFD")}.png`]: true,
      [`${"é".normalize("NFC")}.txt`]: "an é",
    });
    const { entries } = await readDataset(root);
    expect(entries.map(({ text }) => text)).toEqual(["in capitals", "this", "an é"]);
  });

  it("finds a table's pictures however é is written", async () => {
    const [one, two] = ["é".normalize("NFC"), "é".normalize("NFD")];
    await files({
      [`${two}.png`]: true,
      "metadata.jsonl": JSON.stringify({ file_name: `${one}.png`, text: "an é" }),
    });
    const { entries, unreadable } = await readDataset(root);
    expect(entries.map(({ file }) => file)).toEqual([`${two}.png`]);
    expect(unreadable).toEqual([]);
  });

  it("reads captions as Notepad writes them, and counts one that nobody sees as none", async () => {
    await files({
      "a.png": true,
      "a.txt": Buffer.from("\ufeffein Füchslein\r\n", "utf16le"),
      "b.png": true,
      "b.txt": "\u200b",
    });
    const { entries, missingCaption } = await readDataset(root);
    expect(entries.map(({ text }) => text)).toEqual(["ein Füchslein"]);
    expect(missingCaption).toEqual([join(root, "b.png")]);
  });

  it("follows links to folders, reads each once, and ends in a circle", async () => {
    await files({ "a/1.png": true, "a/1.txt": "one", "b/2.png": true, "b/2.txt": "two" });
    const elsewhere = join(work, `${count}-elsewhere`);
    await mkdir(join(elsewhere, "sub"), { recursive: true });
    await writeFile(join(elsewhere, "sub", "3.png"), png);
    await writeFile(join(elsewhere, "sub", "3.txt"), "three");
    await symlink(elsewhere, join(root, "more"));
    await symlink(root, join(elsewhere, "back"));
    await symlink(join(root, "b"), join(root, "a", "again"));
    await symlink(root, join(root, "b", "up"));
    await symlink(join(work, "nowhere"), join(root, "gone.png"));
    const { entries, unreadable } = await readDataset(root);
    expect(entries.map(({ file }) => file)).toEqual(["a/1.png", "b/2.png", "more/sub/3.png"]);
    expect(unreadable).toEqual([
      { path: join(root, "gone.png"), reason: "expected a file but found nothing of that name" },
    ]);
  });

  it("does not wait for a pipe", async () => {
    await files({ "a.png": true, "a.txt": "an a" });
    execFileSync("mkfifo", [join(root, "b.png")]);
    const { unreadable } = await readDataset(root);
    expect(unreadable).toEqual([
      { path: join(root, "b.png"), reason: "expected a file but found a device, pipe or socket" },
    ]);
  });

  it("says where a picture is that a table names from another folder", async () => {
    await files({
      "train/a.png": true,
      "b.png": true,
      "train/metadata.jsonl": '{"file_name": "train/a.png", "text": "an a"}',
      "metadata.jsonl": '{"file_name": "b.png", "text": "a b"}',
    });
    const { unreadable } = await readDataset(root);
    expect(unreadable).toEqual([
      {
        path: join(root, "train", "train", "a.png"),
        reason: `there is no such file (named at ${join(root, "train", "metadata.jsonl")} line 1); names are relative to the table: write "a.png"`,
      },
    ]);
  });

  it("refuses pictures of which none has a caption, naming the folder and the layouts", async () => {
    await files({ "a.png": true, "b.png": true, "b.cap": "wrong extension" });
    await expect(readDataset(root)).rejects.toThrow(
      `${root} (pictures) contains 2 pictures but none that can be used: 2 have no caption, 0 can't be read. ` +
        'Accepted are a metadata.jsonl with one {"file_name": …, "text": …} per line, a metadata.csv or captions.csv, ' +
        "a captions.json or captions.txt, next to each picture a caption file of the same name that ends in .txt or .caption, " +
        ".parquet files of the Hub, .tar files of WebDataset, and PixArt's own InternData; " +
        "an instance prompt takes pictures without captions.",
    );
  });

  it("refuses an empty folder, and what is no folder", async () => {
    await expect(readDataset(root)).rejects.toThrow(`${root} contains no pictures. Accepted are`);
    const missing = join(root, "x");
    await expect(readDataset(missing)).rejects.toThrow(
      `Expected an existing folder or file for the data set but received ${JSON.stringify(missing)}`,
    );
    await expect(readDataset(root, { revision: "main" })).rejects.toThrow(
      `Expected a name on the Hub to go with revision "main" but received the folder ${root}`,
    );
    await expect(listFiles(missing)).rejects.toThrow(
      `Expected a folder of pictures for folder but received ${missing} (ENOENT)`,
    );
  });

  it.each(["../secret.png", "/etc/secret.png", "sub/../../secret.png", "a\0.png", "."])(
    "refuses the file_name %j",
    async (name) => {
      await files({ "metadata.jsonl": JSON.stringify({ file_name: name, text: "x" }) });
      await expect(readDataset(root)).rejects.toThrow(
        `${join(root, "metadata.jsonl")} line 1: expected a path inside ${root} but found ${JSON.stringify(name)}`,
      );
    },
  );

  it("joins the lines on one picture: its captions become a list, and what differs too", async () => {
    await files({
      "a.png": true,
      "b.png": true,
      "metadata.jsonl": [
        '{"file_name": "a.png", "caption": "one", "n": 0, "split": "train", "id": 9007199254740993}',
        '{"file_name": "b.png", "caption": "a b", "n": 1}',
        '{"file_name": "./a.png", "caption": ["two", "three"], "n": 2, "id": 9007199254740993}',
        '{"file_name": "a.png", "caption": "one", "n": null}',
        '{"file_name": "a.png"}',
      ].join("\n"),
    });
    const { entries, images } = await readDataset(root);
    expect(images).toBe(2);
    expect(entries.map(({ file, text, columns }) => [file, text, columns])).toEqual([
      [
        "a.png",
        "one",
        {
          text: ["one", "two", "three"],
          n: [0, 2, null, null],
          split: "train",
          id: 9007199254740993n,
        },
      ],
      ["b.png", "a b", { n: 1 }],
    ]);
  });

  it("refuses lines on one picture that contradict each other where it has one value", async () => {
    await files({
      "a.png": true,
      "metadata.jsonl":
        '{"file_name": "a.png", "text": "x", "split": "train"}\n{"file_name": "a.png", "text": "y", "split": "test"}',
    });
    const metadata = join(root, "metadata.jsonl");
    await expect(readDataset(root)).rejects.toThrow(
      `${metadata} line 2: expected "train" for the "split" of "a.png", as in ${metadata} line 1, but found "test"`,
    );
  });

  it("finds names with Windows' separators, and in another form of Unicode", async () => {
    const [apart, together] = ["e\u0301.png", "\u00e9.png"];
    await files({
      "sub/a.png": true,
      "sub/own\\b.png": true,
      [apart]: true,
      "c.png": true,
      "metadata.jsonl": [
        ["sub\\a.png", "an a"],
        ["sub/own\\b.png", "a b"],
        [together, "an e"],
        [".\\c.png", "a c"],
      ]
        .map(([file_name, text]) => JSON.stringify({ file_name, text }))
        .join("\n"),
    });
    const { entries, unreadable } = await readDataset(root);
    expect(unreadable).toEqual([]);
    expect(entries.map(({ file, text }) => [file, text])).toEqual([
      ["c.png", "a c"],
      [apart, "an e"],
      ["sub/a.png", "an a"],
      ["sub/own\\b.png", "a b"],
    ]);
  });

  it("says what to write in place of a name that is not there", async () => {
    const lines = ["train/a.png", "a.PNG", "/other/imgs/c.png", "gone.png", "d.png"].map(
      (file_name) => JSON.stringify({ file_name, text: "x" }),
    );
    await files({
      "train/a.png": true,
      "train/imgs/c.png": true,
      "train/one/d.png": true,
      "train/two/d.png": true,
      "train/metadata.jsonl": lines.filter((line) => !line.includes("/other")).join("\n"),
    });
    const metadata = join(root, "train/metadata.jsonl");
    const missing = (line: number): string =>
      `there is no such file (named at ${metadata} line ${line})`;
    const advice = '; names are relative to the table: write "a.png"';
    const { unreadable } = await readDataset(root, { acceptUncaptioned: true });
    expect(unreadable).toEqual([
      { path: join(root, "train/a.PNG"), reason: missing(2) + advice },
      { path: join(root, "train/d.png"), reason: missing(4) },
      { path: join(root, "train/gone.png"), reason: missing(3) },
      { path: join(root, "train/train/a.png"), reason: missing(1) + advice },
    ]);
    await files({ "train/metadata.jsonl": lines[2] ?? "" });
    await expect(readDataset(root)).rejects.toThrow(
      `${metadata} line 1: expected a path inside ${root} but found "/other/imgs/c.png"; write "imgs/c.png"`,
    );
  });

  it("reads captions in UTF-16, and finds none where nothing can be seen", async () => {
    await files({
      "a.png": true,
      "a.txt": Buffer.from("\ufeffFüchslein 🦊\r\n", "utf16le"),
      "b.png": true,
      "b.txt": "\u200b\n",
      "c.png": true,
      "c.txt": Uint8Array.of(0xff, 0xfe, 0x41),
    });
    const { entries, missingCaption, unreadable } = await readDataset(root);
    expect(entries.map(({ text }) => text)).toEqual(["Füchslein 🦊"]);
    expect(missingCaption).toEqual([join(root, "b.png")]);
    expect(unreadable).toEqual([
      { path: join(root, "c.png"), reason: `its caption ${join(root, "c.txt")} is not UTF-8` },
    ]);
  });
});

describe.runIf(process.platform === "linux")("names that are not UTF-8", () => {
  /** A path below the root, a byte a letter. */
  const raw = (name: string): Buffer =>
    Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, "latin1")]);
  const unreadable = (name: string, more = ""): object => ({
    path: join(root, name),
    reason: `its name is not UTF-8${more}; rename it`,
  });

  it.each([
    ["side-cars", {}],
    ["jsonl", { "metadata.jsonl": '{"file_name": "a.png", "text": "an a"}\n' }],
    ["csv", { "metadata.csv": "file_name,text\na.png,an a\n" }],
    ["captions", { "captions.json": '{"a.png": "an a"}' }],
  ] as const)("are listed in the layout %s, and the others read", async (layout, tables) => {
    await files({ "a.png": true, "a.txt": "an a", ...tables });
    await writeFile(raw("b\xff.png"), png);
    await writeFile(raw("b\xff.txt"), "a b");
    await writeFile(raw("c\xe9"), png);
    await mkdir(raw("d\xe9"));
    await writeFile(raw("d\xe9/e.png"), png);
    const dataset = await readDataset(root, { layout });
    expect(dataset.entries).toMatchObject([{ file: "a.png", text: "an a" }]);
    expect(dataset.unreadable).toEqual([
      unreadable("b\ufffd.png"),
      unreadable("d\ufffd", ", so what is in it is not seen"),
    ]);
    expect(dataset.leftOut).toEqual([unreadable("c\ufffd")]);
    expect(dataset.images).toBe(4);
  });

  it("are all that there is", async () => {
    await writeFile(raw("b\xff.png"), png);
    await expect(readDataset(root)).rejects.toThrow(
      "b\ufffd.png: its name is not UTF-8; rename it",
    );
  });
});

describe.runIf(process.platform === "linux")("a caption file that can't be read", () => {
  it("leaves out its picture, and no other", async () => {
    await files({ "a.png": true, "a.txt": "an a", "b.png": true, "c.png": true, "d.png": true });
    await symlink("nowhere", join(root, "b.txt"));
    await symlink("d.txt", join(root, "d.txt"));
    execFileSync("mkfifo", [join(root, "c.txt")]);
    const { entries, unreadable } = await readDataset(root);
    expect(entries).toMatchObject([{ file: "a.png" }]);
    expect(unreadable.map(({ reason }) => reason)).toEqual([
      `its caption can't be read: ${root}/b.txt: file: expected a caption but found nothing of that name`,
      `its caption can't be read: ${root}/c.txt: file: expected a caption but found a device, pipe or socket`,
      `its caption can't be read: ${root}/d.txt: expected a file or folder but its symbolic links form a loop (ELOOP)`,
    ]);
  });
});
