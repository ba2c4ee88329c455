import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { readDataset } from "../read-dataset.ts";
import { DEMO_THINGS } from "./demo-things.ts";
import type { EmojiRecord } from "./record.ts";
import { type EmojiDataset, renderEmojiDataset } from "./render.ts";

const SIZE = 16;
let work: string;
let whole: EmojiDataset;
const seen: number[] = [];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-emoji-"));
  whole = await renderEmojiDataset(join(work, "deep", "whole"), {
    size: SIZE,
    onProgress: ({ done, total }) => seen.push(done / total),
  });
});
afterAll(() => rm(work, { recursive: true }));

/** The records' values of one field, by thing. */
function byThing<Key extends keyof EmojiRecord>(key: Key): Map<string, EmojiRecord[Key][]> {
  const found = new Map<string, EmojiRecord[Key][]>();
  for (const record of whole.records) {
    found.set(record.thing, [...(found.get(record.thing) ?? []), record[key]]);
  }
  return found;
}

describe("renderEmojiDataset", () => {
  it("writes the records and square RGB pictures that a reader finds", async () => {
    const text = await readFile(join(whole.folder, "metadata.jsonl"), "utf8");
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(whole.records);
    expect(whole.records.length).toBeGreaterThan(6300);
    expect(whole.things).toBeGreaterThan(1600);
    const read = await readDataset(whole.folder);
    expect(read).toMatchObject({
      images: whole.records.length,
      captioned: whole.records.length,
      missingCaption: [],
      unreadable: [],
    });
    const apple = read.entries.find((entry) => entry.file === "images/noto/red-apple.png");
    expect(apple).toMatchObject({
      text: "a red apple, noto style",
      columns: {
        thing: "red apple",
        style: "noto",
        group: "food-drink",
        license: "Apache-2.0",
        source: "@iconify-json/noto@1.2.9/red-apple",
        dense_text: expect.stringMatching(
          /^a red apple, a food and fruit emoji drawn in noto style: .*red.* on a white background; .*fruit/,
        ),
      },
    });
    const picture = await RgbImage.decode(apple?.path ?? "");
    expect([picture.width, picture.height]).toEqual([SIZE, SIZE]);
    expect([...picture.data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect(Math.min(...picture.data)).toBeLessThan(100);
  });

  it("holds out 8 % of the pairs, so that every thing and every style is still trained on", () => {
    expect(whole.heldOut).toBe(whole.records.filter(({ split }) => split === "heldout").length);
    const share = whole.heldOut / whole.records.length;
    expect(share).toBeGreaterThan(0.07);
    expect(share).toBeLessThan(0.09);
    for (const splits of byThing("split").values()) {
      const held = splits.filter((split) => split === "heldout").length;
      expect(held).toBeLessThanOrEqual(splits.length >= 3 ? 1 : 0);
    }
    const demo = whole.records.filter(
      ({ thing, split }) => split === "heldout" && DEMO_THINGS.includes(thing),
    );
    expect(demo.length).toBeGreaterThan(8);
  });

  it("numbers a thing alike in every style", () => {
    for (const classes of byThing("class").values()) expect(new Set(classes).size).toBe(1);
  });

  it("draws the demo's things in all styles and takes no drawing twice", () => {
    const styles = byThing("style");
    for (const thing of DEMO_THINGS) {
      expect(styles.get(thing)).toEqual(["noto", "openmoji", "twemoji", "fluent"]);
    }
    // OpenMoji's artist and man artist are one drawing; the first name keeps it.
    expect(styles.get("artist")).toEqual(["noto", "openmoji", "twemoji", "fluent"]);
    expect(styles.get("man artist")).toEqual(["noto", "twemoji", "fluent"]);
  });

  it("gives the same bytes and numbers in another run with fewer sets", async () => {
    const again = await renderEmojiDataset(join(work, "again"), { size: SIZE, sets: ["fluent"] });
    const before = whole.records.filter((record) => record.style === "fluent");
    expect(again.records).toEqual(before.map((record) => ({ ...record, split: "train" })));
    for (const { file_name: file } of before) {
      const [a, b] = await Promise.all(
        [whole, again].map(({ folder }) => readFile(join(folder, file))),
      );
      if (!(a as Buffer).equals(b as Buffer)) throw new Error(`${file} differs`);
    }
    expect(again.heldOut).toBe(0);
  });

  it("reports progress to the end", () => {
    expect(seen).toHaveLength(whole.records.length);
    expect(seen.at(-1)).toBe(1);
  });

  it("states counts, licences and how to make it again", async () => {
    const readme = await readFile(join(whole.folder, "README.md"), "utf8");
    expect(readme).toContain(`${whole.records.length} pictures of ${whole.things} things, 16x16`);
    for (const licence of [
      "[Apache License 2.0](https://github.com/googlefonts/noto-emoji/blob/main/svg/LICENSE)",
      "[Creative Commons Attribution-ShareAlike 4.0 International](https://creativecommons.org/licenses/by-sa/4.0/)",
      "[Creative Commons Attribution 4.0 International](https://creativecommons.org/licenses/by/4.0/)",
      "[MIT License](https://github.com/microsoft/fluentui-emoji/blob/main/LICENSE)",
    ]) {
      expect(readme).toContain(licence);
    }
    expect(readme).toContain("pixart dataset emoji OUT --size 16");
  });

  it("leaves no staging folder and touches nothing that is there", async () => {
    expect((await readdir(work)).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
    const taken = join(work, "taken");
    await mkdir(taken);
    await writeFile(join(taken, "mine.txt"), "");
    await expect(renderEmojiDataset(taken)).rejects.toThrow(
      `Expected a new or empty folder for out but received ${taken}, which holds 1 entries; delete it or choose another`,
    );
    expect(await readdir(taken)).toEqual(["mine.txt"]);
  });

  it("refuses a size and sets that it can't render", async () => {
    await expect(renderEmojiDataset(join(work, "x"), { size: 4 })).rejects.toThrow(
      "Expected a whole number from 8 to 2048 for size but received 4",
    );
    await expect(renderEmojiDataset(join(work, "x"), { sets: [] })).rejects.toThrow(
      "Expected some of noto, openmoji, twemoji, fluent for sets but received none",
    );
  });
});
