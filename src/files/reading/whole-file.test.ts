import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openRegularSync, readStart, readWhole, readWholeSync } from "./whole-file.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-whole-file-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const limits = { expected: "a JSON file", atMost: 1000 };
const file = join(folder, "file");
writeFileSync(file, "hello");
const pipe = join(folder, "pipe");
execFileSync("mkfifo", [pipe]);
const zero = join(folder, "zero");
symlinkSync("/dev/zero", zero);
const link = join(folder, "link");
symlinkSync(file, link);
const large = join(folder, "large");
writeFileSync(large, "");
truncateSync(large, 1001);

describe("files that are read whole", () => {
  it("are read, also through a link", async () => {
    for (const path of [file, link]) {
      expect(readWholeSync(path, limits).toString()).toBe("hello");
      expect((await readWhole(path, limits)).toString()).toBe("hello");
      expect((await readStart(path, 2)).toString()).toBe("he");
      expect((await readStart(path, 99)).toString()).toBe("hello");
    }
  });

  it.each([
    [pipe, "a device, pipe or socket"],
    [zero, "a device, pipe or socket"],
    [folder, "a folder"],
  ])("are not %s, and nothing waits for it", async (path, kind) => {
    const message = `${path}: file: expected a JSON file but found ${kind}`;
    expect(() => readWholeSync(path, limits)).toThrow(message);
    expect(() => openRegularSync(path, limits)).toThrow(message);
    await expect(readWhole(path, limits)).rejects.toThrow(message);
    await expect(readStart(path, 10)).rejects.toThrow(
      `${path}: file: expected a file but found ${kind}`,
    );
  });

  it("have at most the size that is told", async () => {
    const message = `${large}: file: expected a JSON file of at most 1000 bytes but found 1001 bytes`;
    expect(() => readWholeSync(large, limits)).toThrow(message);
    await expect(readWhole(large, limits)).rejects.toThrow(message);
  });

  it("are there", async () => {
    const missing = join(folder, "missing");
    for (const path of [missing, join(file, "below")]) {
      const message = `${path}: file: expected a JSON file but found nothing of that name`;
      expect(() => readWholeSync(path, limits)).toThrow(message);
      await expect(readWhole(path, limits)).rejects.toThrow(message);
    }
  });
});
