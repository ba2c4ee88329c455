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

  it("refuses pictures of which none has a caption, naming the folder and the layouts", async () => {
    await files({ "a.png": true, "b.png": true, "b.cap": "wrong extension" });
    await expect(readDataset(root)).rejects.toThrow(
      `${root} (pictures) holds 2 pictures but none that can be used: 2 have no caption, 0 can't be read. ` +
        'Accepted are a metadata.jsonl with one {"file_name": …, "text": …} a line, a metadata.csv or captions.csv, ' +
        "a captions.json or captions.txt, beside each picture a caption file of the same name that ends in .txt or .caption, " +
        ".parquet files of the Hub, .tar files of WebDataset, and PixArt's own InternData; " +
        "an instance prompt takes pictures without captions.",
    );
  });

  it("refuses an empty folder, and what is no folder", async () => {
    await expect(readDataset(root)).rejects.toThrow(`${root} holds no pictures. Accepted are`);
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

  it("refuses a picture that is named twice", async () => {
    const line = '{"file_name": "a.png", "text": "x"}\n';
    await files({ "a.png": true, "metadata.jsonl": `${line}\n${line}` });
    const metadata = join(root, "metadata.jsonl");
    await expect(readDataset(root)).rejects.toThrow(
      `${metadata} line 3: "a.png" was named before, at ${metadata} line 1`,
    );
  });
});
