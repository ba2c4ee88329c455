import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  canMount,
  forbidWriting,
  type SmallDisk,
  smallDisk,
} from "../../test/fixtures/small-disk.ts";
import { GrowingFile } from "./growing-file.ts";
import { FileLock } from "./locks/file-lock.ts";
import { makeBelow } from "./make-below.ts";
import { makeFolder, makeFolderSync } from "./make-folder.ts";
import { writeNewFile, writeNewFileSync } from "./new-file.ts";
import { replaceFile, replaceFileSync } from "./replace-file.ts";
import { Staging } from "./staging.ts";
import {
  DiskFullError,
  FileWriteError,
  writeFailure,
  writing,
  writingSync,
} from "./write-error.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-errors-"));
afterAll(() => rmSync(top, { recursive: true }));

const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: of the system`), { code });

describe("writing", () => {
  it.each([
    ["ENOSPC", "a full disk (ENOSPC); free some space or write elsewhere (N bytes free)"],
    ["EDQUOT", "an exhausted quota (EDQUOT); free some space or write elsewhere (N bytes free)"],
    ["EIO", "a fault of the disk (EIO); check its health, or write elsewhere (N bytes free)"],
    [
      "EROFS",
      "a read-only file system (EROFS); write elsewhere, or mount it for writing (N bytes free)",
    ],
    ["EACCES", "no permission (EACCES); write elsewhere, or change the permissions"],
    ["ENOTDIR", "a file where a folder should be (ENOTDIR); choose another name"],
    [
      "ENAMETOOLONG",
      "a name that is too long for the file system (ENAMETOOLONG); choose a shorter one",
    ],
    ["EXYZ", "EXYZ: of the system"],
  ])("says of %s what was to be done, why it failed and what to do", async (code, found) => {
    const attempt = { path: join(top, "x"), aim: "write 7 bytes", neededBytes: 7 };
    const cause = systemError(code);
    const fail = (): never => {
      throw cause;
    };
    const errors = [
      await writing(attempt, async () => fail()).catch((error: unknown) => error),
      await writeFailure(cause, attempt),
      await Promise.resolve()
        .then(() => writingSync(attempt, fail))
        .catch((error: unknown) => error),
    ];
    for (const error of errors) {
      expect(error).toBeInstanceOf(FileWriteError);
      expect(error instanceof DiskFullError).toBe(code === "ENOSPC" || code === "EDQUOT");
      const { message, ...fields } = error as FileWriteError;
      expect(message.replace(/\d+ bytes free/, "N bytes free")).toBe(
        `${attempt.path}: expected to write 7 bytes but found ${found}`,
      );
      expect(fields).toMatchObject({ code, path: attempt.path, neededBytes: 7 });
      expect((error as Error).cause).toBe(cause);
    }
  });

  it("lets pass what is no error of the system, and what is explained already", async () => {
    const attempt = { path: top, aim: "write" };
    const inner = await writeFailure(systemError("EIO"), attempt);
    for (const error of [new TypeError("a bug"), systemError("ERR_OF_NODE"), inner])
      expect(await writeFailure(error, { path: "/", aim: "more" })).toBe(error);
  });
});

describe("makeFolder", () => {
  it("makes all that is missing, and says what was first", async () => {
    const path = join(top, "a", "b", "c");
    expect(await makeFolder(path)).toBe(join(top, "a"));
    expect(await makeFolder(path)).toBeUndefined();
    expect(makeFolderSync(join(top, "a", "d", "e"))).toBe(join(top, "a", "d"));
    expect(makeFolderSync(join(top, "a", "d"))).toBeUndefined();
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(top, "a", "f", "g"))));
    expect(readdirSync(join(top, "a"))).toEqual(["b", "d", "f"]);
  });

  it("says where a file is in the way", async () => {
    const file = join(top, "file");
    writeFileSync(file, "mine");
    for (const path of [file, join(file, "x"), join(file, "x", "y")]) {
      const found = `${file}: expected to make this folder but found a file of that name; choose another name`;
      await expect(makeFolder(path)).rejects.toThrow(found);
      expect(() => makeFolderSync(path)).toThrow(found);
    }
    expect(readFileSync(file, "utf8")).toBe("mine");
  });
});

describe("makeBelow", () => {
  it("makes what is missing in a folder that is there, and never that one", () => {
    const base = join(top, "below");
    expect(() => makeBelow(base, "a")).toThrow(
      `${join(base, "a")}: expected to make this folder but found a place that is not there`,
    );
    mkdirSync(base);
    for (const _ of [1, 2]) expect(makeBelow(base, "a", "b")).toBe(join(base, "a", "b"));
  });

  it("says where a file is in the way", () => {
    writeFileSync(join(top, "plain"), "mine");
    expect(() => makeBelow(top, "plain", "x")).toThrow(
      `${join(top, "plain")}: expected to make this folder but found a file of that name; choose another name`,
    );
  });
});

describe.skipIf(!canMount)("on a real disk that is full", () => {
  let disk: SmallDisk;
  beforeEach(() => {
    disk = smallDisk(64);
  });
  afterEach(() => disk.detach());

  const big = Buffer.alloc(100_000, 7);
  const found = "but found a full disk (ENOSPC); free some space or write elsewhere";

  it("new files are named, with need and room, and nothing of them is left", async () => {
    const path = join(disk.path, "x");
    const writes = [
      () => writeNewFile(path, [big]),
      () => replaceFile(path, [big]),
      async () => writeNewFileSync(path, big),
      async () => replaceFileSync(path, big),
    ];
    for (const write of writes) {
      const error = await write().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DiskFullError);
      expect((error as Error).message).toMatch(
        /x.*: expected to write 100000 bytes but found a full/,
      );
      expect(error).toMatchObject({ neededBytes: 100_000, freeBytes: expect.any(Number) });
      expect(readdirSync(disk.path)).toEqual([]);
    }
  });

  it("a file that grows keeps its whole records, and grows on when there is room", () => {
    const path = join(disk.path, "events");
    writeFileSync(join(disk.path, "filler"), Buffer.alloc(56 * 1024));
    using file = GrowingFile.open(path);
    file.append(Buffer.from("first\n"));
    expect(() => file.append(big)).toThrow(`${path}: expected to write 100000 bytes ${found}`);
    expect(readFileSync(path, "utf8")).toBe("first\n");
    rmSync(join(disk.path, "filler"));
    file.append(Buffer.from("second\n"));
    appendFileSync(path, "another's\n");
    expect(() => file.append(big)).toThrow(found);
    file.sync();
    expect(readFileSync(path, "utf8")).toBe("first\nsecond\nanother's\n");
  });

  it("locks and folders are named, and nothing is left", async () => {
    const few = smallDisk(64, 2);
    try {
      writeFileSync(join(few.path, "a"), "");
      const room =
        "but found no room for another file (ENOSPC); remove files there or write elsewhere";
      const lock = join(few.path, "run.lock");
      await expect(FileLock.acquire(lock, { waitsFor: () => false })).rejects.toThrow(
        `${lock}: expected to take this lock ${room}`,
      );
      expect(() => makeBelow(few.path, "b")).toThrow(
        `${join(few.path, "b")}: expected to make this folder ${room}`,
      );
      expect(readdirSync(few.path)).toEqual(["a"]);
    } finally {
      few.detach();
    }
    writeFileSync(join(disk.path, "filler"), Buffer.alloc(64 * 1024));
    const lock = join(disk.path, "run.lock");
    await expect(FileLock.acquire(lock, { waitsFor: () => false })).rejects.toThrow(
      `${lock}: expected to take this lock ${found}`,
    );
    expect(readdirSync(disk.path)).toEqual(["filler"]);
  });

  it("a staging leaves nothing", async () => {
    const write = async (): Promise<void> => {
      await using staging = await Staging.beside(join(disk.path, "out"));
      mkdirSync(staging.path);
      await writeNewFile(join(staging.path, "big"), [big]);
    };
    await expect(write()).rejects.toThrow(found);
    expect(readdirSync(disk.path)).toEqual([]);
  });

  it("tells a disk that has room but takes no further file", async () => {
    const few = smallDisk(64, 4);
    try {
      for (const name of ["a", "b", "c"]) writeFileSync(join(few.path, name), "");
      await expect(writeNewFile(join(few.path, "d"), [big])).rejects.toThrow(
        /d: expected to make this file but found no room for another file \(ENOSPC\); remove files there or write elsewhere \(65536 bytes free\)$/,
      );
    } finally {
      few.detach();
    }
  });

  it("tells one that can only be read", async () => {
    forbidWriting(disk);
    const path = join(disk.path, "out");
    const readOnly =
      "but found a read-only file system (EROFS); write elsewhere, or mount it for writing (65536 bytes free)";
    await expect(makeFolder(path)).rejects.toThrow(
      `${path}: expected to make this folder ${readOnly}`,
    );
    await expect(Staging.beside(path)).rejects.toThrow(
      `${path}: expected to make a folder next to it ${readOnly}`,
    );
    expect(() => GrowingFile.open(path)).toThrow(
      `${path}: expected to append to this file ${readOnly}`,
    );
  });
});
