import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeReviewPage } from "../../src/curation/review-page.ts";
import { renderEmojiDataset } from "../../src/data/emoji/render.ts";
import { FeatureStore } from "../../src/data/feature-store.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { DiskFullError } from "../../src/files/write-error.ts";
import { RgbImage } from "../../src/images/index.ts";
import { convertCheckpoint, PixArtTransformer2DModel } from "../../src/models/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { saveCheckpoint } from "../../src/training/checkpoints/checkpoint.ts";
import { writePictureLosses } from "../../src/training/run-folder/picture-losses-file.ts";
import { TensorBoardWriter } from "../../src/training/run-folder/tensorboard.ts";
import { canMount, fill, type SmallDisk, smallDisk } from "../fixtures/small-disk.ts";
import { hasMade, startRun, writeTinyRun } from "../fixtures/tiny-run.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-full-"));
afterAll(() => rmSync(top, { recursive: true }));

/** Does not compress. */
const noise = ((): RgbImage => {
  let state = 1;
  const bytes = Uint8Array.from({ length: 160 * 160 * 3 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
  return new RgbImage(160, 160, bytes);
})();

const model = join(top, "model");
const data = join(top, "data");
beforeAll(async () => {
  if (!canMount) return;
  await new PixArtTransformer2DModel({
    sampleSize: 8,
    numLayers: 2,
    attentionHeadDim: 8,
    numAttentionHeads: 2,
    captionChannels: 16,
    crossAttentionDim: 16,
  }).savePretrained(model);
  for (let i = 0; i < 30; i++) {
    await noise.save(join(data, `${i}.png`));
    writeFileSync(join(data, `${i}.txt`), "noise");
  }
});

const filled = (): torch.Tensor => torch.zeros([100, 1000]);
const convert = (to: Parameters<typeof convertDataset>[2]["to"]) => (folder: string) =>
  convertDataset(data, join(folder, "out"), { to, maxShardBytes: 400_000 });
const heads = { heads: 2 };

const writers: readonly (readonly [name: string, write: (folder: string) => Promise<unknown>])[] = [
  ["a picture", (folder) => noise.save(join(folder, "x.png"))],
  [
    "a checkpoint",
    (folder) =>
      saveCheckpoint(folder, {
        step: 1,
        stage: "a",
        state: null,
        keep: 1,
        groups: new Map([["model", new Map([["w", filled()]])]]),
      }),
  ],
  [
    "a cache of features",
    async (folder) => {
      const store = await FeatureStore.open(folder, () => {});
      await store.put(new Map([["a", filled()]]));
      await store.flush();
    },
  ],
  [
    "a model's folder",
    async (folder) => {
      const transformer = await PixArtTransformer2DModel.fromPretrained(model);
      await transformer.savePretrained(folder);
    },
  ],
  [
    "convert to diffusers",
    (folder) => convertCheckpoint(model, join(folder, "out"), { ...heads, to: "diffusers" }),
  ],
  [
    "convert to one file",
    (folder) => convertCheckpoint(model, join(folder, "out"), { ...heads, to: "single-file" }),
  ],
  [
    "convert to .pth",
    (folder) => convertCheckpoint(model, join(folder, "out"), { ...heads, to: "original" }),
  ],
  ["dataset emoji", (folder) => renderEmojiDataset(join(folder, "out"), { size: 256, limit: 60 })],
  ["dataset convert to jsonl", convert("jsonl")],
  ["dataset convert to pixart-json", convert("pixart-json")],
  ["dataset convert to parquet", convert("parquet")],
  ["dataset convert to webdataset", convert("webdataset")],
  [
    "a tokenizer",
    (folder) =>
      T5Tokenizer.fromCaptions(
        Array.from({ length: 2000 }, (_, i) => `word${i} and ${i}th`),
        { vocabSize: 3000 },
      ).savePretrained(folder),
  ],
  [
    "a review page",
    (folder) =>
      writeReviewPage(
        join(folder, "page.html"),
        "captions",
        Array.from({ length: 8 }, () => ({
          file: "x",
          image: noise,
          raw: "",
          dense: "",
          cut: false,
        })),
      ),
  ],
  [
    "losses",
    async (folder) => {
      const pictures = Array.from({ length: 4000 }, (_, i) => ({
        picture: `${i}.png`,
        seen: 1,
        loss: i,
        expected: 0,
        score: 0,
      }));
      await writePictureLosses(folder, { stage: "a", step: 1, since: 0, pictures });
    },
  ],
  [
    "curves",
    async (folder) => {
      using curves = new TensorBoardWriter(folder);
      const png = await noise.encodePng();
      for (let step = 0; step < 4; step++) curves.image("sample", step, png, noise);
    },
  ],
];

describe.skipIf(!canMount)("a disk that fills up under", () => {
  let disk: SmallDisk;
  beforeEach(() => {
    disk = smallDisk(60);
  });
  afterEach(() => disk.detach());

  it.each(writers)("%s is named, with what is needed and free", async (name, write) => {
    const error = await write(disk.path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DiskFullError);
    const { message, path, freeBytes } = error as DiskFullError;
    expect(message).toMatch(
      name === "a checkpoint"
        ? /^\/.*: expected to find room for \d+ bytes and the 1048576 that a file system may add but found too little room; .*\(\d+ bytes free\)$/
        : /^\/.*: expected to (write .*\d+ bytes( or more)?|flush what was written to the disk) but found a full disk \(ENOSPC\); free some space or write elsewhere \(\d+ bytes free\)$/,
    );
    expect(path.startsWith(`${disk.path}/`)).toBe(true);
    expect(freeBytes).toBeLessThanOrEqual(60 * 1024);
    const left = readdirSync(disk.path, { recursive: true, encoding: "utf8" });
    expect(left.filter((file) => file.includes(".tmp-") || file.startsWith("out"))).toEqual([]);
  });
});

describe.skipIf(!canMount)("a disk that fills up under a run", () => {
  it("is named when the run ends", async () => {
    const disk = smallDisk(8192);
    const configFile = await writeTinyRun(top);
    const run = join(disk.path, "run");
    const options = ["stages.0.checkpointEvery=1000"];
    const child = startRun({ configFile, run, steps: 20_000, options }, "pipe");
    const closed = once(child, "close");
    try {
      let said = "";
      child.stderr?.on("data", (chunk) => {
        said += chunk;
      });
      expect(await hasMade(child, run, 1010)).toBe(true);
      fill(disk);
      const [code] = await closed;
      expect(code).toBe(1);
      expect(said.trim().split("\n").at(-1)).toMatch(
        new RegExp(
          `^pixart: ${run}/.*: expected to write \\d+ bytes but found a full disk \\(ENOSPC\\); .*\\(\\d+ bytes free\\)$`,
        ),
      );
    } finally {
      child.kill("SIGKILL");
      await closed;
      disk.detach();
    }
  });
});
