import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs, {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileLock, holderOf } from "./file-lock.ts";
import { ownIdentity } from "./process-identity.ts";

const refuses = { waitsFor: () => false };

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-lock-"));
  path = join(folder, "a.lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A lock as a process would leave it that was this one but for some changes. */
const leave = (changes: object, at = path): void =>
  writeFileSync(at, JSON.stringify({ ...ownIdentity(), since: "then", id: "x", ...changes }));

describe("FileLock where others have made what is there", () => {
  it.each([
    ["a link", () => symlinkSync(join(folder, "nowhere"), path)],
    ["a link", () => symlinkSync("a.lock", path)],
    ["a folder", () => mkdirSync(path)],
    ["a device, pipe or socket", () => void execFileSync("mkfifo", [path])],
  ])("is refused in place of %s, and nothing waits for it", async (what, make) => {
    make();
    await expect(FileLock.acquire(path, { waitsFor: () => true })).rejects.toThrow(
      `The lock ${path} cannot be taken: ${what} has its name; remove it`,
    );
    expect(holderOf(path)).toEqual({ holder: undefined, state: "unseen", isAtWork: true });
    expect(readdirSync(folder)).toEqual(["a.lock"]);
  });

  it("is taken beside leftovers that cannot be cleared", async () => {
    symlinkSync("a.lock.0123456789abcdef", `${path}.0123456789abcdef`);
    {
      using lock = await FileLock.acquire(path, refuses);
      expect(lock.isHeld()).toBe(true);
    }
    expect(readdirSync(folder)).toEqual(["a.lock.0123456789abcdef"]);
  });

  it("clears what it was to be linked from an hour ago, and nothing that may be under way", async () => {
    const [old, young] = [0, 1].map((i) => `${path}.0b0e7f9c-0000-4000-8000-00000000000${i}.new`);
    for (const each of [old, young]) writeFileSync(each ?? "", "");
    const then = Date.now() / 1000 - 3700;
    utimesSync(old ?? "", then, then);
    using _ = await FileLock.acquire(path, refuses);
    expect(readdirSync(folder)).toEqual(["a.lock", basename(young ?? "")]);
  });
});

describe("FileLock.release", () => {
  const guardOf = (content: string): string =>
    `${path}.${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;

  it("gives it back where one was killed that was about to take it away", async () => {
    const lock = await FileLock.acquire(path, refuses);
    const guard = guardOf(readFileSync(path, "utf8"));
    leave({ pid: 2 ** 22 + 1 }, guard);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("leaves it, and what another process has that takes it away, to that one", async () => {
    const lock = await FileLock.acquire(path, refuses);
    const guard = guardOf(readFileSync(path, "utf8"));
    leave({ id: "of the other" }, guard);
    lock.release();
    expect(readdirSync(folder).sort()).toEqual(["a.lock", basename(guard)]);
  });

  it("removes no other's right to take it away where none of its own can be made", async () => {
    const lock = await FileLock.acquire(path, refuses);
    const guard = guardOf(readFileSync(path, "utf8"));
    leave({ id: "of the other" }, guard);
    await refusing("EIO", () => lock.release());
    expect(readdirSync(folder)).toEqual([basename(guard)]);
  });
});

/** Runs `body` where a file is given no second name. */
async function refusing(code: string, body: () => unknown): Promise<void> {
  const { linkSync } = fs;
  fs.linkSync = () => {
    throw Object.assign(new Error(code), { code });
  };
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    fs.linkSync = linkSync;
    syncBuiltinESMExports();
  }
}

describe("FileLock where the file system has no links", () => {
  it("goes to one, whole, is taken over, and leaves nothing behind", () =>
    refusing("EPERM", async () => {
      leave({ pid: 2 ** 22 + 1 });
      {
        using lock = await FileLock.acquire(path, refuses);
        expect(lock.isHeld()).toBe(true);
        await expect(FileLock.acquire(path, refuses)).rejects.toThrow(
          `The lock ${path} is held by process ${process.pid} on ${hostname()}`,
        );
        expect(readdirSync(folder)).toEqual(["a.lock"]);
      }
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("waits for what another process has half written", async () => {
    writeFileSync(path, '{"pid":');
    const taken = FileLock.acquire(path, refuses);
    await sleep(50);
    leave({});
    await expect(taken).rejects.toThrow(`is held by process ${process.pid}`);
  });
});
