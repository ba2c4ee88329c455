import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ImageError, RgbImage } from "../../images/index.ts";
import { PictureContents, type ReadFile } from "./picture-contents.ts";

let folder: string;
let notes: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-contents-"));
  notes = join(folder, "known.jsonl");
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** A file as a data set has it, which counts how often it is read. */
function picture(path: string, bytes?: string): ReadFile & { reads: number } {
  if (bytes !== undefined) writeFileSync(path, bytes);
  const file = {
    path,
    reads: 0,
    read: async () => {
      file.reads++;
      return new Uint8Array(readFileSync(path.replace(/#.*/, "")));
    },
  };
  return file;
}

/** What a later process finds: files were made minutes before it began. */
async function later(): Promise<PictureContents> {
  vi.useFakeTimers({ now: Date.now() + 600_000, toFake: ["Date"] });
  const contents = new PictureContents();
  await contents.recall(notes);
  return contents;
}

describe("PictureContents", () => {
  it("reads no picture that is as it was, in whichever process", async () => {
    const file = picture(join(folder, "a.png"), "a");
    const first = await later();
    const hash = await first.hash(file);
    expect(await first.hash(file)).toBe(hash);
    expect(file.reads).toBe(1);
    await first.note(notes);
    expect(await (await later()).hash(file)).toBe(hash);
    expect(file.reads).toBe(1);
  });

  it("takes the bytes that somebody else has read", async () => {
    const file = picture(join(folder, "a.png"), "a");
    const contents = await later();
    await contents.remembering(file)();
    expect(await contents.hash(file)).toBe(await (await later()).hash(picture(file.path)));
    expect(file.reads).toBe(1);
  });

  it("knows hash and size of a picture that a process before it has read, and reads one that has changed", async () => {
    const path = join(folder, "a.png");
    await RgbImage.filled(3, 2, [1, 2, 3]).save(path);
    const file = picture(path);
    const first = await later();
    expect(await first.known(file)).toBeUndefined();
    expect(await first.size(file)).toEqual({ width: 3, height: 2 });
    const known = { hash: await first.hash(file), size: { width: 3, height: 2 } };
    expect(await first.known(file)).toEqual(known);
    await first.note(notes);
    const second = await later();
    expect(await second.known(file)).toEqual(known);
    expect(await second.size(file)).toEqual(known.size);
    expect(file.reads).toBe(1);
    vi.useRealTimers();
    await RgbImage.filled(5, 4, [1, 2, 3]).save(path);
    const third = await later();
    expect(await third.known(file)).toBeUndefined();
    expect(await third.size(file)).toEqual({ width: 5, height: 4 });
  });

  it("adds the sizes that a record of an earlier version lacks, once the pictures are read", async () => {
    const path = join(folder, "a.png");
    await RgbImage.filled(3, 2, [1, 2, 3]).save(path);
    const file = picture(path);
    const first = await later();
    const hash = await first.hash(file);
    await first.note(notes);
    const [line = ""] = readFileSync(notes, "utf8").split("\n");
    writeFileSync(notes, `${JSON.stringify(JSON.parse(line).slice(0, 3))}\n`);
    const second = await later();
    expect(await second.hash(file)).toBe(hash);
    expect(await second.known(file)).toBeUndefined();
    await second.remembering(file)();
    expect(await second.known(file)).toEqual({ hash, size: { width: 3, height: 2 } });
    await second.note(notes);
    expect(readFileSync(notes, "utf8")).toBe(`${line}\n`);
  });

  it("does not know what is no picture, or could not be read for training", async () => {
    const text = picture(join(folder, "a.png"), "a");
    const contents = await later();
    await contents.hash(text);
    expect(await contents.known(text)).toBeUndefined();
    await expect(contents.size(text)).rejects.toThrow(ImageError);
  });

  it("finds a picture that was edited, also where its length and time are as they were", async () => {
    const file = picture(join(folder, "a.png"), "a");
    const first = await later();
    const hash = await first.hash(file);
    await first.note(notes);
    vi.useRealTimers();
    const { atime, mtime } = statSync(file.path);
    writeFileSync(file.path, "b");
    utimesSync(file.path, atime, mtime);
    expect(await (await later()).hash(file)).not.toBe(hash);
  });

  it("finds one equal whose times alone are others, as after a copy", async () => {
    const file = picture(join(folder, "a.png"), "a");
    const hash = await (await later()).hash(file);
    vi.useRealTimers();
    const copy = picture(join(folder, "b.png"));
    copyFileSync(file.path, copy.path);
    expect(await (await later()).hash(copy)).toBe(hash);
  });

  it("trusts no file that was changed while or just before the process began", async () => {
    const file = picture(join(folder, "a.png"), "a");
    const contents = new PictureContents();
    await contents.hash(file);
    await contents.note(notes);
    expect(readFileSync(notes, "utf8")).toBe("");
  });

  it("looks at a shard in place of what is in it, and reads rows of tables each time", async () => {
    const [inShard, row] = [
      picture(`${join(folder, "a.tar")}#1.png`),
      picture(`${join(folder, "a.parquet")}#1`),
    ];
    for (const name of ["a.tar", "a.parquet"]) writeFileSync(join(folder, name), name);
    const first = await later();
    for (const each of [inShard, row]) await first.hash(each);
    await first.note(notes);
    const second = await later();
    for (const each of [inShard, row]) await second.hash(each);
    expect([inShard.reads, row.reads]).toEqual([1, 2]);
  });

  it("knows that a picture could not be read when it was to be learnt from, though it can be now", async () => {
    const path = join(folder, "a.png");
    writeFileSync(path, "a");
    let reads = 0;
    const read = (): Promise<Uint8Array> =>
      reads++ === 0
        ? Promise.reject(new ImageError(path, "can't be opened (EIO)"))
        : Promise.resolve(new Uint8Array(1));
    const contents = await later();
    const remembering = contents.remembering({ path, read });
    await expect(remembering()).rejects.toThrow("EIO");
    await remembering();
    expect(await contents.hash({ path, read })).toBeNull();
  });

  it("blames no picture for what the system cannot do at the moment", async () => {
    const path = join(folder, "a.png");
    const failing = (code: string): ReadFile => ({
      path,
      read: () =>
        Promise.reject(new ImageError(path, code, { cause: Object.assign(new Error(), { code }) })),
    });
    for (const code of ["EIO", "EMFILE", "ESTALE"])
      await expect(new PictureContents().hash(failing(code))).rejects.toThrow(code);
    for (const code of ["ENOENT", "EACCES", "Z_DATA_ERROR"])
      expect(await new PictureContents().hash(failing(code))).toBeNull();
  });

  it("knows nothing of what cannot be read", async () => {
    const path = join(folder, "none.png");
    const file = { path, read: () => Promise.reject(new ImageError(path, "is gone")) };
    expect(await new PictureContents().hash(file)).toBeNull();
    const broken = { path, read: () => Promise.reject(new TypeError("a bug")) };
    await expect(new PictureContents().hash(broken)).rejects.toThrow("a bug");
  });
});
