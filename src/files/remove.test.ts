import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { bindMount, canMount, smallDisk } from "../../test/fixtures/small-disk.ts";
import { leftoversIn, removeLeftovers } from "./leftovers.ts";
import { discardTree, removeFile, removeFileSync, removeTree } from "./remove.ts";
import { temporaryName } from "./temporary-name.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-remove-"));
afterAll(() => rmSync(top, { recursive: true }));

let work: string;
let precious: string;
beforeEach(() => {
  work = mkdtempSync(join(top, "case-"));
  precious = mkdtempSync(join(top, "precious-"));
  writeFileSync(join(precious, "mine.txt"), "mine");
});
const isWhole = (): boolean => readFileSync(join(precious, "mine.txt"), "utf8") === "mine";

describe("removeTree", () => {
  it("removes a folder with all that is in it, and a file", async () => {
    mkdirSync(join(work, "a", "b"), { recursive: true });
    writeFileSync(join(work, "a", "b", "c"), "c");
    writeFileSync(join(work, "d"), "d");
    await removeTree(join(work, "a"));
    await removeTree(join(work, "d"));
    await removeTree(join(work, "nothing"));
    expect(readdirSync(work)).toEqual([]);
  });

  it("removes links and not what they point to, whatever that is", async () => {
    const tree = join(work, "tree");
    mkdirSync(tree);
    symlinkSync(precious, join(tree, "folder"));
    symlinkSync(join(precious, "mine.txt"), join(tree, "file"));
    symlinkSync(join(work, "nowhere"), join(tree, "nothing"));
    symlinkSync(precious, join(work, "link"));
    await removeTree(tree);
    await removeTree(join(work, "link"));
    expect(readdirSync(work)).toEqual([]);
    expect(isWhole()).toBe(true);
  });

  it.skipIf(!canMount)("removes nothing where another disk is mounted in it", async () => {
    const disk = smallDisk(64);
    const inner = join(work, "tree", "a", "volume");
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(work, "tree", "0"), "first");
    const bound = bindMount(disk.path, inner);
    writeFileSync(join(disk.path, "kept"), "kept");
    try {
      await expect(removeTree(join(work, "tree"))).rejects.toThrow(
        `${join(work, "tree")}: expected to remove it but found another folder mounted at ${inner}; unmount it first`,
      );
      expect(readFileSync(join(inner, "kept"), "utf8")).toBe("kept");
      expect(existsSync(join(work, "tree", "0"))).toBe(true);
    } finally {
      bound.detach();
      disk.detach();
    }
  });

  it.skipIf(!canMount).each(["with a blank", "été", "ночь 夜"])(
    "removes nothing where a folder of the same disk is mounted: %s",
    async (name) => {
      const inner = join(work, "tree", name);
      const bound = bindMount(precious, inner);
      try {
        await expect(removeTree(join(work, "tree"))).rejects.toThrow(`mounted at ${inner}`);
        expect(isWhole()).toBe(true);
      } finally {
        bound.detach();
      }
    },
  );
});

describe("removeFile", () => {
  it("removes a link alone, and takes nothing for done", async () => {
    for (const remove of [removeFile, removeFileSync]) {
      symlinkSync(join(precious, "mine.txt"), join(work, "link"));
      await remove(join(work, "link"));
      await remove(join(work, "link"));
    }
    expect(readdirSync(work)).toEqual([]);
    expect(isWhole()).toBe(true);
  });

  it("refuses a folder", async () => {
    await expect(removeFile(precious)).rejects.toThrow(`${precious}: expected to remove it but`);
    expect(isWhole()).toBe(true);
  });
});

it("discardTree leaves nothing under the name, nor elsewhere", async () => {
  mkdirSync(join(work, "a", "b"), { recursive: true });
  symlinkSync(precious, join(work, "link"));
  await discardTree(join(work, "a"));
  await discardTree(join(work, "link"));
  expect(readdirSync(work)).toEqual([]);
  expect(isWhole()).toBe(true);
});

it("removeLeftovers takes what has a hidden name of its own, and nothing like it", async () => {
  const own = temporaryName("mine");
  symlinkSync(precious, join(work, own));
  const others = [
    temporaryName("other"),
    ".tmp-mine",
    ".tmp-mine-x",
    ".tmp-mine-0123456789abc",
    "mine",
  ];
  for (const name of others) writeFileSync(join(work, name), "");
  expect((await leftoversIn(work)).map(({ name }) => name).sort()).toEqual(["mine", "other"]);
  expect(await removeLeftovers(work, (name) => name === "mine")).toEqual([own]);
  expect(readdirSync(work).sort()).toEqual([...others].sort());
  expect(isWhole()).toBe(true);
  expect(await removeLeftovers(join(work, "nowhere"), () => true)).toEqual([]);
  expect(lstatSync(precious).isDirectory()).toBe(true);
});
