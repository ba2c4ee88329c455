import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp from "sharp";
import { recordToRepeat } from "../../src/cli/drawing/draw-jobs.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { decodeMask, RgbImage } from "../../src/images/index.ts";
import { embedMetadata } from "../../src/images/picture-metadata.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import type { FuzzedReader } from "./fuzzed-reader.ts";

/** A reader of a data set: all of its entries, and all pictures that it keeps itself. */
const dataset = (
  name: string,
  prepare: (folder: string) => Promise<readonly string[]>,
): FuzzedReader => ({
  name,
  prepare,
  read: async (folder) => {
    const { entries } = await readDataset(join(folder, "data"));
    for (const entry of entries.slice(0, 4)) await entry.read();
  },
});

async function writeFolder(folder: string): Promise<string> {
  const data = join(folder, "data");
  await writeTinyDataset(data, 8);
  return data;
}

async function writeLayout(
  folder: string,
  to: "parquet" | "webdataset" | "pixart-json" | "csv" | "captions",
): Promise<string> {
  const source = join(folder, "source");
  await writeTinyDataset(source, 8);
  await convertDataset(source, join(folder, "data"), { to });
  return join(folder, "data");
}

/** The files of a folder that a layout is kept in. */
const listed = (folder: string, pattern: RegExp): string[] => {
  const names = readdirSync(join(folder, "data"), { recursive: true }).map(String);
  return names.filter((name) => pattern.test(name)).map((name) => join("data", name));
};

const PIXELS = RgbImage.filled(24, 16, [10, 120, 200]);

/** A picture of one format. */
const picture = (format: "png" | "jpeg" | "webp" | "avif"): FuzzedReader => ({
  name: format,
  prepare: async (folder) => {
    const noise = Buffer.from(PIXELS.data.map((value, i) => (value + i * 37) % 256));
    const raw = { width: PIXELS.width, height: PIXELS.height, channels: 3 } as const;
    writeFileSync(join(folder, "x"), await sharp(noise, { raw }).toFormat(format).toBuffer());
    return ["x"];
  },
  read: async (folder) => void (await RgbImage.decode(join(folder, "x"))),
});

const mask: FuzzedReader = {
  name: "mask",
  prepare: async (folder) => {
    const pixels = Buffer.alloc(24 * 16 * 4).map((_, i) => (i * 37) % 256);
    const raw = { width: 24, height: 16, channels: 4 } as const;
    await sharp(pixels, { raw }).png().toFile(join(folder, "mask.png"));
    return ["mask.png"];
  },
  read: async (folder) => void (await decodeMask(join(folder, "mask.png"))),
};

/** What a PNG says of itself: the text of its chunks, which stand under a checksum and are put together anew. */
const record: FuzzedReader = {
  name: "png-record",
  prepare: async (folder) => {
    const metadata = {
      prompt: "a ball",
      negativePrompt: "",
      steps: 4,
      sampler: "DPMSolverMultistepScheduler",
      guidanceScale: 4.5,
      seed: 7,
      width: 24,
      height: 16,
      model: "emoji-demo",
      modelHash: "0123456789",
      dtype: "float32",
      adapters: [{ name: "style", scale: 0.5, hash: "0123456789" }],
      extra: { cleanCaption: true, maxSequenceLength: 64, timesteps: [999, 500] },
    };
    const png = embedMetadata(await PIXELS.encodePng(), metadata);
    return extractChunks(png).flatMap(({ name, data }, i) => {
      writeFileSync(join(folder, `${i}-${name}`), data);
      return name === "tEXt" ? [`${i}-${name}`] : [];
    });
  },
  read: async (folder) => {
    const files = readdirSync(folder).filter((file) => /^\d+-/.test(file));
    const chunks = files
      .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((file) => ({ name: file.split("-")[1] ?? "", data: readFileSync(join(folder, file)) }));
    writeFileSync(join(folder, "x.png"), encodeChunks(chunks));
    await recordToRepeat(join(folder, "x.png"));
  },
};

/** Data sets and pictures. */
export const readersOfData: readonly FuzzedReader[] = [
  dataset("jsonl", async (folder) => {
    await writeFolder(folder);
    return ["data/metadata.jsonl"];
  }),
  dataset("side-cars", async (folder) => {
    await writeFolder(folder);
    const data = join(folder, "data");
    rmSync(join(data, "metadata.jsonl"));
    const pictures = readdirSync(data).filter((name) => name.endsWith(".png"));
    const captions = pictures.map((name) => name.replace(".png", ".txt"));
    for (const name of captions) writeFileSync(join(data, name), `a ${name}, drawn\n`);
    return captions.slice(0, 1).map((name) => join("data", name));
  }),
  dataset("csv", async (folder) => {
    await writeLayout(folder, "csv");
    return listed(folder, /metadata\.csv$/);
  }),
  dataset("captions-json", async (folder) => {
    await writeLayout(folder, "captions");
    return listed(folder, /captions\.(json|txt)$/);
  }),
  dataset("parquet", async (folder) => {
    await writeLayout(folder, "parquet");
    return listed(folder, /\.parquet$/);
  }),
  dataset("tar", async (folder) => {
    await writeLayout(folder, "webdataset");
    return listed(folder, /\.tar$/);
  }),
  dataset("tar-gz", async (folder) => {
    await writeLayout(folder, "webdataset");
    const [tar = ""] = listed(folder, /\.tar$/);
    writeFileSync(join(folder, "data", "x.tar.gz"), gzipSync(readFileSync(join(folder, tar))));
    rmSync(join(folder, tar));
    return ["data/x.tar.gz"];
  }),
  dataset("pixart-json", async (folder) => {
    await writeLayout(folder, "pixart-json");
    return listed(folder, /\.json$/);
  }),
  picture("png"),
  picture("jpeg"),
  picture("webp"),
  picture("avif"),
  mask,
  record,
];
