import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type PictureLoss, readPictureLosses, writePictureLosses } from "./picture-losses-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-losses-"));
  path = join(folder, "losses", "a.jsonl");
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const picturesOf = (count: number): PictureLoss[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ picture: `${i}.png`, seen: i + 1, loss: 1 / (i + 1), expected: 0.5, score: 1 - i / 7 },
  }));

describe("picture losses", () => {
  it("are written and read in pieces, because millions exceed the longest string", async () => {
    await using some = await open(folder);
    const write = vi.spyOn(Object.getPrototypeOf(some), "write");
    const losses = { stage: "a", step: 9, since: 2, pictures: picturesOf(30_000) };
    await writePictureLosses(folder, losses);
    const sizes = write.mock.calls.map(([bytes]) => (bytes as Uint8Array).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(statSync(path).size);
    expect(Math.max(...sizes)).toBeLessThan(2 ** 19);
    expect(await readPictureLosses(folder, "a")).toEqual(losses);
  });

  it("are read whatever blank lines an editor left", async () => {
    const losses = { stage: "a", step: 9, since: 2, pictures: picturesOf(2) };
    await writePictureLosses(folder, losses);
    writeFileSync(path, `${readFileSync(path, "utf8").replaceAll("\n", "\n\n")}\n`);
    expect(await readPictureLosses(folder, "a")).toEqual(losses);
  });

  it("are none before the first checkpoint", async () => {
    expect(await readPictureLosses(folder, "a")).toBeUndefined();
  });

  it.each([
    ["nothing", "", 1, '""'],
    ["half a line", '{"stage":"a","step":1,"since":0}\n{"pict', 2, '"{\\"pict"'],
  ])("are refused if the file holds %s", async (_, content, line, found) => {
    mkdirSync(join(folder, "losses"));
    writeFileSync(path, content);
    await expect(readPictureLosses(folder, "a")).rejects.toThrow(
      `${path}: line ${line}: expected a JSON object but found ${found}`,
    );
  });

  it("are read from a file that no string can hold", async () => {
    mkdirSync(join(folder, "losses"));
    writeFileSync(path, "");
    truncateSync(path, 600 * 2 ** 20); // holes, which take no room
    await expect((async () => readPictureLosses(folder, "a"))()).rejects.toThrow(
      `${path}: line 1: expected a JSON object but found "\\u0000\\u0000`,
    );
  });
});
