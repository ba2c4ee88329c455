import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { renameToFree } from "./rename.ts";

// A file system such as FAT, where a file has one name alone.
const disk = vi.hoisted(() => ({ hasLinks: true, renames: true }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const link = async (from: string, to: string): Promise<void> => {
    if (disk.hasLinks) return fs.link(from, to);
    throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
  };
  const rename = async (from: string, to: string): Promise<void> => {
    if (disk.renames) return fs.rename(from, to);
    throw Object.assign(new Error("EIO: i/o error, rename"), { code: "EIO" });
  };
  return { ...fs, link, rename };
});

const top = mkdtempSync(join(tmpdir(), "pixart-rename-"));
afterAll(() => rmSync(top, { recursive: true }));

describe.each([true, false])("renameToFree, where files can have two names: %s", (hasLinks) => {
  let work: string;
  beforeEach(() => {
    disk.hasLinks = hasLinks;
    work = mkdtempSync(join(top, "case-"));
    for (const i of [0, 1, 2, 3]) writeFileSync(join(work, `from-${i}`), `${i}`);
  });

  it("gives a file a name that is free", async () => {
    await renameToFree(join(work, "from-0"), join(work, "to"));
    expect(readFileSync(join(work, "to"), "utf8")).toBe("0");
    expect(readdirSync(work)).toEqual(["from-1", "from-2", "from-3", "to"]);
  });

  it("gives it to one of several, and never puts one over another", async () => {
    const given = await Promise.allSettled(
      [0, 1, 2, 3].map((i) => renameToFree(join(work, `from-${i}`), join(work, "to"))),
    );
    const won = given.findIndex(({ status }) => status === "fulfilled");
    expect(given.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(readFileSync(join(work, "to"), "utf8")).toBe(`${won}`);
    await expect(
      renameToFree(join(work, `from-${(won + 1) % 4}`), join(work, "to")),
    ).rejects.toThrow(
      `${join(work, "to")}: expected to rename what was written to this name but found that something is already there (EEXIST); choose another name`,
    );
  });
});

it("renameToFree leaves no empty file where the rename fails", async () => {
  const work = mkdtempSync(join(top, "case-"));
  writeFileSync(join(work, "from"), "x");
  Object.assign(disk, { hasLinks: false, renames: false });
  await expect(renameToFree(join(work, "from"), join(work, "to"))).rejects.toThrow("(EIO)");
  expect(readdirSync(work)).toEqual(["from"]);
  disk.renames = true;
  await renameToFree(join(work, "from"), join(work, "to"));
  expect(readdirSync(work)).toEqual(["to"]);
});
