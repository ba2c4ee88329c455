import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { namingPath, systemSentence } from "./system-error.ts";
import { readFrom } from "./whole-file.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-system-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
writeFileSync(at("file"), "");
symlinkSync("loop", at("loop"));

const sentence = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(() => "nothing was thrown", systemSentence);

describe("systemSentence", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      "nothing",
      () => open(at("none")),
      "none: expected a file or folder but found nothing (ENOENT)",
    ],
    [
      "a file on the way",
      () => open(at("file/a")),
      "file/a: expected folders on the way to it but one of them is a file (ENOTDIR)",
    ],
    [
      "a circle",
      () => open(at("loop")),
      "loop: expected a file or folder but its symbolic links form a loop (ELOOP)",
    ],
    [
      "a long name",
      () => open(at("x".repeat(300))),
      `${"x".repeat(300)}: expected a name short enough for the file system but this one is too long (ENAMETOOLONG)`,
    ],
    [
      "a free name",
      () => open(at("file"), "wx"),
      "file: expected an unused name but something already has it (EEXIST)",
    ],
    [
      "a file as a folder",
      () => readdir(at("file")),
      "file: expected folders on the way to it but one of them is a file (ENOTDIR)",
    ],
  ])("of %s names the path and the code", async (_, act, text) => {
    expect(await sentence(act())).toBe(`${folder}/${text}`);
  });

  it("names the path that reading a folder leaves out", async () => {
    expect(await sentence(readFile(folder))).toBeUndefined(); // "expected a file" says nothing without it
    expect(await sentence(readFile(folder).catch(namingPath(folder)))).toBe(
      `${folder}: expected a file but found a folder (EISDIR)`,
    );
  });

  it("leaves programs and sockets alone, which have other words for the same codes", async () => {
    const spawned = promisify(execFile)(at("none"));
    await expect(spawned).rejects.toThrow(`spawn ${at("none")} ENOENT`);
    expect(await sentence(spawned)).toBeUndefined();
    const socket = once(createConnection(at("none")), "connect");
    expect(await sentence(socket)).toBeUndefined();
  });

  it("names the file that an open one is", async () => {
    const handle = await open(folder);
    const opened = { file: handle, path: folder };
    expect(await sentence(readFrom(opened, 0, 10))).toBe(
      `${folder}: expected a file but found a folder (EISDIR)`,
    );
    await handle.close();
    const error = Object.assign(new Error("EIO: i/o error, read"), { errno: -5, code: "EIO" });
    expect(systemSentence(Object.assign(error, { path: "/a" }))).toBe(
      "/a: a fault of the disk, or of the connection to it; check its health (EIO)",
    );
  });

  it("leaves other errors alone", async () => {
    expect(systemSentence(new Error("ENOENT: of our own"))).toBeUndefined();
    expect(systemSentence("ENOENT")).toBeUndefined();
    await expect(Promise.reject(new Error("other")).catch(namingPath("a"))).rejects.toThrow(
      "other",
    );
  });
});
