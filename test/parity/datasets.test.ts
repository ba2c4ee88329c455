import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainingBuckets } from "../../src/data/buckets.ts";
import { pixelHash } from "../../src/data/duplicates.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { RgbImage } from "../../src/images/index.ts";
import { runPython } from "./python.ts";

interface Answer {
  /** Folder, file, caption, columns, hash of pixels as Pillow decodes them. */
  readonly written: [string, string, string, Record<string, unknown>, string][];
  readonly read: {
    csv: string[][];
    webdataset: [string, number, string][];
    parquet: string[][];
    features: string[];
  };
  readonly bins: [ratio: number, height: number, width: number][];
}

const long = `${"long-".repeat(40)}é`;
const captions = ['a "quote", and\na line', "plain, é狐 🦊", "ends with comma,"];
let work: string;
let answer: Answer;
let pictures: RgbImage[];
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-datasets-"));
  const source = join(work, "source");
  await mkdir(source);
  pictures = captions.map((_, i) => RgbImage.filled(4 + i, 5, [i, 200, 9]));
  const lines = await Promise.all(
    pictures.map(async (picture, i) => {
      await picture.save(join(source, `${long}${i}.png`));
      return JSON.stringify({ file_name: `${long}${i}.png`, text: captions[i], note: `"${i}"` });
    }),
  );
  await writeFile(join(source, "metadata.jsonl"), lines.join("\n"));
  const [csv, webdataset, parquet, out] = ["csv", "tar", "parquet", "python"].map((name) =>
    join(work, name),
  ) as [string, string, string, string];
  await convertDataset(source, parquet, { to: "parquet" });
  await convertDataset(source, csv, { to: "csv" });
  await convertDataset(source, webdataset, { to: "webdataset", maxShardBytes: 4000 });
  await mkdir(out);
  const script = fileURLToPath(new URL("datasets.py", import.meta.url));
  answer = (await runPython(script, { out, csv, webdataset, parquet })) as Answer;
});
afterAll(() => rm(work, { recursive: true }));

const parquets = ["none", "snappy", "zstd", "gzip"].map((name) => `parquet-${name}`);

describe("data sets against Python's tarfile, csv, Pillow and pyarrow", () => {
  it.each(["gnu", "pax", "ustar", "csv", ...parquets])(
    "reads what Python writes as %s",
    async (folder) => {
      const { entries } = await readDataset(join(work, "python", folder));
      const found = await Promise.all(
        entries.map(async (entry) => {
          const pixels = pixelHash(await RgbImage.decode(await entry.read()));
          return [folder, entry.file, entry.text, entry.columns, pixels];
        }),
      );
      expect(found).toHaveLength(4);
      expect(found).toEqual(
        answer.written
          .filter(([name]) => name === folder)
          .toSorted(([, a], [, b]) => (a < b ? -1 : 1)),
      );
    },
  );

  it("writes a table that Python reads", () => {
    expect(answer.read.csv).toEqual(captions.map((text, i) => [`${long}${i}.png`, text, `"${i}"`]));
  });

  it("writes parquet that pyarrow reads, with the features of the Hub's data sets", () => {
    expect(answer.read.parquet).toEqual(
      captions.map((text, i) => [
        `${long}${i}.png`,
        text,
        `"${i}"`,
        pixelHash(pictures[i] as RgbImage),
      ]),
    );
    expect(answer.read.features).toEqual(["Image", "string"]);
  });

  it("writes shards that Python reads, with nothing of this machine in them", () => {
    expect(answer.read.webdataset).toEqual(
      captions.flatMap((text, i) => [
        [`${long}${i}.png`, 0, pixelHash(pictures[i] as RgbImage)],
        [`${long}${i}.txt`, 0, text],
        [`${long}${i}.json`, 0, JSON.stringify({ note: `"${i}"` })],
      ]),
    );
  });

  it("has diffusers' sizes of 2048 px as the training buckets", () => {
    const ours = trainingBuckets(2048).map(({ ratio, height, width }) => [ratio, height, width]);
    expect(ours).toEqual(answer.bins.toSorted(([a], [b]) => a - b));
  });
});
