import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { pictureSize, RgbImage, thumbnail } from "../../images/index.ts";
import { sideOf, Thumbnails } from "./thumbnails.ts";

vi.mock("../../images/index.ts", { spy: true });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-thumbnails-"));
});
afterEach(() => {
  vi.mocked(thumbnail).mockReset();
  rmSync(folder, { recursive: true });
});

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

it("makes two at once, whoever asks while another ends", async () => {
  let [running, most] = [0, 0];
  const ends: (() => void)[] = [];
  vi.mocked(thumbnail).mockImplementation(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    return undefined;
  });
  const thumbnails = new Thumbnails(folder);
  const asked = [0, 1, 2].map((seed) => thumbnails.get(Uint8Array.of(seed), 96));
  await vi.waitFor(() => expect(ends).toHaveLength(2));
  ends.shift()?.();
  // One in each of the moments in which the place goes from one to the other.
  for (let seed = 3; seed < 20; seed++) {
    asked.push(thumbnails.get(Uint8Array.of(seed), 96));
    await undefined;
  }
  let isOver = false;
  void Promise.all(asked).then(() => {
    isOver = true;
  });
  await vi.waitFor(
    () => {
      ends.shift()?.();
      expect(isOver).toBe(true);
    },
    { interval: 1, timeout: 10_000 },
  );
  expect(most).toBe(2);
});

it.each([
  ["100", 192],
  ["96", 96],
  ["99999", 1536],
  ["0", undefined],
  ["x", undefined],
  [undefined, undefined],
])("takes %s as a side of %s", (asked, side) => expect(sideOf(asked)).toBe(side));
