import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { writeNewFile, writeNewFileSync } from "./new-file.ts";
import { replaceFile, replaceFileSync, replaceLink, replaceWithCopy } from "./replace-file.ts";

// A share without links, whose files all belong to another user, who alone may change their permissions.
const share = vi.hoisted(() => ({
  isOthers: false,
  refuse(): void {
    if (share.isOthers) throw Object.assign(new Error("EPERM"), { code: "EPERM" });
  },
}));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const chmodSync: typeof fs.chmodSync = (...args) => {
    share.refuse();
    fs.chmodSync(...args);
  };
  return { ...fs, chmodSync };
});
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const chmod: typeof fs.chmod = async (...args) => {
    share.refuse();
    await fs.chmod(...args);
  };
  const symlink: typeof fs.symlink = async (...args) => {
    share.refuse();
    await fs.symlink(...args);
  };
  return { ...fs, chmod, symlink };
});

const top = mkdtempSync(join(tmpdir(), "pixart-replace-"));
afterAll(() => rmSync(top, { recursive: true }));

let work: string;
let path: string;
beforeEach(() => {
  share.isOthers = false;
  work = mkdtempSync(join(top, "case-"));
  path = join(work, "file");
});
const read = (): string => readFileSync(path, "utf8");

describe.each([
  ["replaceFile", (to: string, text: string) => replaceFile(to, [Buffer.from(text)])],
  ["replaceFileSync", async (to: string, text: string) => replaceFileSync(to, text)],
])("%s", (_, replace) => {
  it("makes a file or takes the place of one, with its permissions", async () => {
    await replace(path, "one");
    chmodSync(path, 0o600);
    await replace(path, "two");
    expect(read()).toBe("two");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(work)).toEqual(["file"]);
  });

  it("changes no permissions that are right already, as that may be refused", async () => {
    await replace(path, "one");
    share.isOthers = true;
    await replace(path, "two");
    expect(read()).toBe("two");
    share.isOthers = false;
    chmodSync(path, 0o600);
    share.isOthers = true;
    await expect(replace(path, "three")).rejects.toThrow(
      `${path}: expected to put a new file in its place but found no permission (EPERM); write elsewhere, or change the permissions`,
    );
    expect(readdirSync(work)).toEqual(["file"]);
  });

  it("takes the place of a link, and leaves what it points to", async () => {
    writeFileSync(join(work, "other"), "mine");
    symlinkSync("other", path);
    await replace(path, "new");
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readFileSync(join(work, "other"), "utf8")).toBe("mine");
  });

  it("leaves nothing where it fails", async () => {
    mkdirSync(path);
    await expect(replace(path, "new")).rejects.toThrow(
      `${path}: expected to put a new file in its place but found a folder of that name (EISDIR); choose another name`,
    );
    expect(readdirSync(work)).toEqual(["file"]);
    await expect(replace(join(work, "no", "x"), "new")).rejects.toThrow(
      "expected to make this file but found a place that is not there",
    );
  });
});

describe("writeNewFile", () => {
  it("never writes to one that is there, nor through a link", async () => {
    writeFileSync(path, "mine");
    symlinkSync(join(work, "nowhere"), join(work, "link"));
    for (const to of [path, join(work, "link")]) {
      const found = `${to}: expected to make this file but found that something is already there (EEXIST); choose another name`;
      await expect(writeNewFile(to, [Buffer.from("new")])).rejects.toThrow(found);
      expect(() => writeNewFileSync(to, Buffer.from("new"))).toThrow(found);
    }
    expect(read()).toBe("mine");
    expect(readdirSync(work).sort()).toEqual(["file", "link"]);
  });

  it("leaves nothing of a file whose bytes cannot be had", async () => {
    function* chunks(): Generator<Uint8Array> {
      yield Buffer.from("half");
      throw new TypeError("no more");
    }
    await expect(writeNewFile(path, chunks())).rejects.toThrow("no more");
    expect(readdirSync(work)).toEqual([]);
  });
});

describe("replaceLink", () => {
  it("takes the place of a link, also of one that leads nowhere", async () => {
    symlinkSync("nowhere", path);
    expect(await replaceLink(path, "other")).toBe(true);
    expect(readlinkSync(path)).toBe("other");
    expect(readdirSync(work)).toEqual(["file"]);
  });

  it("leaves everything as it is where there are no links", async () => {
    writeFileSync(path, "mine");
    share.isOthers = true;
    expect(await replaceLink(path, "other")).toBe(false);
    expect(read()).toBe("mine");
    expect(readdirSync(work)).toEqual(["file"]);
  });
});

it("replaceWithCopy takes the place of a link, with the bytes of another file", async () => {
  const from = join(work, "from");
  const bytes = Buffer.alloc(17 * 2 ** 20, "more than one piece");
  writeFileSync(from, bytes);
  symlinkSync("nowhere", path);
  await replaceWithCopy(path, from);
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(lstatSync(path).isFile()).toBe(true);
  expect(readdirSync(work).sort()).toEqual(["file", "from"]);
  await expect(replaceWithCopy(path, join(work, "none"))).rejects.toThrow(
    `${join(work, "none")}: file: expected a file to copy but found`,
  );
});
