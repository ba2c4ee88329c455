import type * as fs from "node:fs";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import type * as promises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { writeNewFile, writeNewFileSync } from "./new-file.ts";
import { replaceFile, replaceFileSync } from "./replace-file.ts";
import { Staging } from "./staging.ts";
import { syncFolder, syncFolderSync } from "./sync-folder.ts";

// A file system that refuses to flush folders, or files.
const disk = vi.hoisted(() => ({
  opened: [] as string[],
  refuses: "none" as "folders" | "files" | "none",
  code: "",
  refuse(found: { isDirectory(): boolean }): void {
    if (disk.refuses !== (found.isDirectory() ? "folders" : "files")) return;
    throw Object.assign(new Error(`${disk.code}: fsync`), { code: disk.code });
  },
}));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof promises>();
  const open: typeof promises.open = async (path, ...rest) => {
    disk.opened.push(String(path));
    const file = await real.open(path, ...rest);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      disk.refuse(await file.stat());
      await sync();
    };
    return file;
  };
  return { ...real, open };
});
vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  const fsyncSync = (file: number): void => {
    disk.refuse(real.fstatSync(file));
    real.fsyncSync(file);
  };
  return { ...real, fsyncSync };
});

const top = mkdtempSync(join(tmpdir(), "pixart-sync-"));
afterAll(() => rmSync(top, { recursive: true }));

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(top, "case-"));
  Object.assign(disk, { opened: [], refuses: "none" });
});

it("what is published has the entries of all its folders on the disk, the inner ones first", async () => {
  const elsewhere = join(work, "elsewhere");
  mkdirSync(elsewhere);
  await using staging = await Staging.beside(join(work, "set"));
  const inner = join(staging.path, "images", "style");
  mkdirSync(inner, { recursive: true });
  symlinkSync(elsewhere, join(staging.path, "link"));
  await staging.publish();
  expect(disk.opened).toEqual([inner, join(staging.path, "images"), staging.path, work]);
});

describe("on a file system that answers the flush of a folder", () => {
  it.each(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF"])(
    "with %s, everything is written all the same",
    async (code) => {
      Object.assign(disk, { refuses: "folders", code });
      const path = join(work, "file");
      await replaceFile(path, [Buffer.from("one")]);
      expect(readFileSync(path, "utf8")).toBe("one");
      replaceFileSync(path, "two");
      expect(readFileSync(path, "utf8")).toBe("two");
      await using staging = await Staging.beside(join(work, "set"));
      mkdirSync(join(staging.path, "images"), { recursive: true });
      expect(await staging.publish()).toBe(join(work, "set"));
    },
  );

  it.each([
    ["EIO", "a fault of the disk"],
    ["EACCES", "no permission"],
    ["EPERM", "no permission"],
  ])("with %s, that is an error", async (code, found) => {
    Object.assign(disk, { refuses: "folders", code });
    const message = `${work}: expected to flush its entries to the disk but found ${found} (${code})`;
    await expect(syncFolder(work)).rejects.toThrow(message);
    expect(() => syncFolderSync(work)).toThrow(message);
  });
});

it("a file whose bytes cannot be flushed is an error on every file system", async () => {
  Object.assign(disk, { refuses: "files", code: "EINVAL" });
  const path = join(work, "file");
  const message = `${path}: expected to write 3 bytes but found EINVAL: fsync`;
  await expect(writeNewFile(path, [Buffer.from("one")])).rejects.toThrow(message);
  expect(() => writeNewFileSync(path, Buffer.from("one"))).toThrow(message);
});
