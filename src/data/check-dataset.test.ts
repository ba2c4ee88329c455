import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import { checkDataset } from "./check-dataset.ts";
import { readDataset } from "./read-dataset.ts";
import { convertDataset } from "./writing/convert-dataset.ts";

let work: string;
let folder: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-check-"));
  folder = join(work, "set");
  await mkdir(folder);
  const save = async (name: string, width: number, height: number, caption: string) => {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * width) % 251);
    await new RgbImage(width, height, data).save(join(folder, name));
    if (caption !== "") await writeFile(join(folder, name.replace("png", "txt")), caption);
  };
  await save("a.png", 300, 300, "a red box");
  await save("b.png", 300, 300, "a red box again");
  await save("c.png", 600, 300, "a red box and a blue ball on the floor");
  await save("d.png", 100, 300, "a");
  await save("e.png", 20, 20, "");
  // Cut off: its head is a PNG's, its data are not there.
  const whole = await RgbImage.filled(300, 300, [1, 2, 3]).encodePng();
  await writeFile(join(folder, "f.png"), whole.subarray(0, 60));
  await writeFile(join(folder, "f.txt"), "a broken one");
});
afterAll(() => rm(work, { recursive: true }));

const options = { size: 256, batch: 2, maxLength: 6 };

describe("checkDataset", () => {
  it("names pictures without a control picture, and control pictures that can't be read", async () => {
    const controlFolder = join(work, "controls");
    await mkdir(controlFolder, { recursive: true });
    await RgbImage.filled(8, 8, [1, 2, 3]).save(join(controlFolder, "a.png"));
    await writeFile(join(controlFolder, "b.png"), "not a picture");
    const { report } = await checkDataset(await readDataset(folder, { controlFolder }), options);
    expect(report.missingControl).toEqual(["c.png", "d.png", "f.png"].map((n) => join(folder, n)));
    expect(report.unreadable.map(({ path }) => path)).toEqual([
      join(controlFolder, "b.png"),
      join(folder, "f.png"),
    ]);
    expect(report.usable).toBe(3);
  });

  it("reports counts, sizes, buckets, duplicates, cut captions and what can't be read", async () => {
    const tokenizer = T5Tokenizer.fromCaptions(["a red box", "a blue ball"], { vocabSize: 40 });
    const dataset = await readDataset(folder);
    let progress = 0;
    const { report, sheet } = await checkDataset(dataset, {
      ...options,
      tokenizer,
      thumbnails: 2,
      onProgress: (done, total) => {
        progress = done / total;
      },
    });
    expect(report).toMatchObject({
      layout: "side-cars",
      images: 6,
      usable: 4,
      missingCaption: [join(folder, "e.png")],
      missingControl: null,
      unreadable: [
        {
          path: join(folder, "f.png"),
          reason: "the PNG data is damaged, cut off or of an unsupported kind",
        },
      ],
      // One of five is more than 5 %.
      canTrain: false,
      width: { min: 100, median: 300, max: 600 },
      height: { min: 300, median: 300, max: 300 },
      tooSmall: ["d.png"],
      duplicates: [["a.png", "b.png"]],
      similar: [],
    });
    expect(report.buckets?.buckets.map(({ ratio, images }) => [ratio, images])).toEqual([
      [0.5, 1],
      [1, 2],
      [3, 1],
    ]);
    expect(report.captions?.cut.map(({ file }) => file)).toContain("c.png");
    expect(report.captions?.cut.find(({ file }) => file === "c.png")?.cut).toMatch(/floor$/);
    expect(report.captions?.tokens.min).toBe(2);
    expect([...sheet.keys()].sort()).toEqual(["a.png", "c.png"]);
    expect(Math.max(...[...sheet.values()].map(({ width }) => width))).toBe(128);
    expect(progress).toBe(1);
  });

  it("counts what can't be read as training does, by the given share", async () => {
    // One of five is damaged.
    for (const [maxUnreadable, canTrain] of [
      [0.2, true],
      [0.19, false],
    ] as const) {
      const dataset = await readDataset(folder);
      const { report } = await checkDataset(dataset, { ...options, maxUnreadable });
      expect(report.canTrain).toBe(canTrain);
    }
  });

  it("has no bucket plan at a size without a table, and no captions without a tokenizer", async () => {
    const { report } = await checkDataset(await readDataset(folder), { ...options, size: 64 });
    expect(report).toMatchObject({ buckets: null, captions: null, tooSmall: [] });
  });

  it("gives the same fingerprint for the same set in another layout, and another for other captions", async () => {
    const sets = [folder, join(work, "tar"), join(work, "other")] as const;
    await convertDataset(folder, sets[1], { to: "webdataset" });
    await convertDataset(folder, sets[2], { to: "side-cars" });
    await writeFile(join(sets[2], "d.txt"), "another");
    const [same, tar, other] = await Promise.all(
      sets.map(async (set) => (await checkDataset(await readDataset(set), options)).report),
    );
    expect(tar?.fingerprint).toBe(same?.fingerprint);
    expect(other?.fingerprint).not.toBe(same?.fingerprint);
  });
});
