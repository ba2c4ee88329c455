import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { bindMount, canMount, smallDisk } from "../../test/fixtures/small-disk.ts";
import { Staging } from "./staging.ts";
import { parseTemporaryName, temporaryName } from "./temporary-name.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-staging-"));
afterAll(() => rmSync(top, { recursive: true }));

let work: string;
let target: string;
beforeEach(() => {
  work = mkdtempSync(join(top, "case-"));
  target = join(work, "out.bin");
});

/** Publishes what `write` makes; gives the name. */
async function publish(write: (path: string) => void, to = target): Promise<string> {
  await using staging = await Staging.beside(to);
  write(staging.path);
  return staging.publish();
}
const text = (content: string) => (path: string) => writeFileSync(path, content);
const folder = (path: string): void => {
  mkdirSync(path);
  writeFileSync(join(path, "inner"), "inner");
};

describe("Staging", () => {
  it("publishes a file and a folder, and leaves nothing else", async () => {
    expect(await publish(text("new"))).toBe(target);
    expect(await publish(folder, join(work, "deep", "er"))).toBe(join(work, "deep", "er"));
    expect(readFileSync(target, "utf8")).toBe("new");
    expect(readdirSync(work)).toEqual(["deep", "out.bin"]);
    expect(readdirSync(join(work, "deep"))).toEqual(["er"]);
  });

  it("is a new folder beside the target, under a hidden name of each one's own", async () => {
    await using first = await Staging.beside(target);
    await using second = await Staging.beside(target);
    const hidden = [first, second].map(({ path }) => basename(dirname(path)));
    expect(new Set(hidden).size).toBe(2);
    expect(hidden.map((name) => parseTemporaryName(name)?.name)).toEqual(["out.bin", "out.bin"]);
    expect(basename(first.path)).toBe("out.bin");
    expect(dirname(dirname(first.path))).toBe(work);
  });

  it("takes the place of an empty folder", async () => {
    mkdirSync(target);
    await publish(folder);
    expect(readdirSync(target)).toEqual(["inner"]);
  });

  it.each([
    ["a file over a file", text("mine"), text("new")],
    ["a folder over a file", text("mine"), folder],
    [
      "a file over a link that leads nowhere",
      (path: string) => symlinkSync("nowhere", path),
      text("new"),
    ],
  ])("never puts %s that has appeared", async (_, appear, write) => {
    await using staging = await Staging.beside(target);
    write(staging.path);
    appear(target);
    await expect(staging.publish()).rejects.toThrow(
      `${target}: expected to rename what was written, which stays at ${staging.path}, to this name but found `,
    );
    if (existsSync(target)) expect(readFileSync(target, "utf8")).toBe("mine");
  });

  it("never puts a folder over one that holds something", async () => {
    folder(target);
    let kept = "";
    const failing = publish((path) => {
      kept = path;
      mkdirSync(path);
    });
    await expect(failing).rejects.toThrow(
      /this name but found a folder with something in it \(ENOTEMPTY\); choose another name$/,
    );
    expect(readdirSync(target)).toEqual(["inner"]);
    expect(existsSync(kept)).toBe(true);
  });

  it.skipIf(!canMount)("is refused at once where something is mounted", async () => {
    const other = join(work, "other");
    mkdirSync(other);
    for (const disk of [smallDisk(64), bindMount(other, join(work, "volume"))]) {
      try {
        await expect(Staging.beside(disk.path)).rejects.toThrow(
          `${disk.path}: expected to put the new content in its place but found another folder mounted there; choose a name in it`,
        );
        expect(await publish(folder, join(disk.path, "in"))).toBe(join(disk.path, "in"));
        expect(readdirSync(disk.path)).toEqual(["in"]);
      } finally {
        disk.detach();
      }
    }
  });

  it("removes what it made, and only that, where it is not published", async () => {
    for (const name of ["out.bin.partial", ".tmp-out.bin", `${temporaryName("out.bin")}`])
      folder(join(work, name));
    const before = readdirSync(work);
    const failing = async (): Promise<void> => {
      await using staging = await Staging.beside(target);
      folder(staging.path);
      throw new Error("half way");
    };
    await expect(failing()).rejects.toThrow("half way");
    expect(readdirSync(work)).toEqual(before);
    for (const name of before) expect(readdirSync(join(work, name))).toEqual(["inner"]);
  });

  it("leaves what it is told to keep", async () => {
    let path = "";
    {
      await using staging = await Staging.beside(target);
      path = staging.path;
      folder(path);
      staging.keep();
    }
    expect(readdirSync(path)).toEqual(["inner"]);
  });

  it.skipIf(!existsSync("/proc/self"))("ends where no folder can be made", async () => {
    await expect(Staging.beside("/proc/x")).rejects.toThrow(
      "/proc/x: expected to make a folder next to it but found a place that is not there, or in which nothing can be made (ENOENT); write elsewhere",
    );
    await expect(Staging.beside("/proc/x/y")).rejects.toThrow(
      "/proc/x: expected to make this folder but found",
    );
  });

  it("takes names as long as a file's can be", async () => {
    const long = join(work, `${"ä".repeat(125)}.bin`);
    expect(Buffer.byteLength(basename(long))).toBe(254);
    await publish(text("new"), long);
    expect(readdirSync(work)).toEqual([basename(long)]);
    expect(parseTemporaryName(temporaryName(basename(long)))?.name).toMatch(/^ä+$/);
  });
});
