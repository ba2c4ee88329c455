import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { pictureSize, RgbImage } from "../../images/index.ts";
import { sideOf, Thumbnails } from "./thumbnails.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-thumbnails-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const noisy = (seed: number): Promise<Uint8Array> => {
  const data = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * (seed + 7919)) % 251);
  return new RgbImage(300, 200, data).encodePng();
};

it("makes a picture small once, and keeps it", async () => {
  const thumbnails = new Thumbnails(join(folder, "kept"));
  const bytes = await noisy(1);
  const made = (await thumbnails.get(bytes, 96)) ?? new Uint8Array();
  expect(await pictureSize(made, "made")).toEqual({ width: 96, height: 64 });
  const [name = ""] = readdirSync(join(folder, "kept"));
  const { mtimeMs } = statSync(join(folder, "kept", name));
  // Another process finds it there.
  expect(await new Thumbnails(join(folder, "kept")).get(bytes, 96)).toEqual(Buffer.from(made));
  expect(statSync(join(folder, "kept", name)).mtimeMs).toBe(mtimeMs);
});

it("forgets the oldest where all together become too large", async () => {
  const thumbnails = new Thumbnails(folder, 30_000);
  for (let seed = 0; seed < 12; seed++) await thumbnails.get(await noisy(seed), 192);
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(30_000);
  expect(sizes.length).toBeLessThan(12);
});

it("is none of what is no picture", async () => {
  const thumbnails = new Thumbnails(folder);
  for (const text of ["<svg/>", "", "\x89PNG\r\n\x1a\n damaged"])
    expect(await thumbnails.get(Buffer.from(text, "latin1"), 96)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

it.each([
  ["100", 192],
  ["96", 96],
  ["99999", 1536],
  ["0", undefined],
  ["x", undefined],
  [undefined, undefined],
])("takes %s as a side of %s", (asked, side) => expect(sideOf(asked)).toBe(side));
