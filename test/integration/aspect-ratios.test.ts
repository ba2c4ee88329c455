import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { configFromJson, type TrainConfig } from "../../src/config/index.ts";
import { resolveConfig } from "../../src/config/resolve-config.ts";
import { trainingBuckets } from "../../src/data/buckets.ts";
import { UnreadableLimit } from "../../src/data/unreadable-limit.ts";
import { InternalError } from "../../src/errors/index.ts";
import { RgbImage } from "../../src/images/index.ts";
import { AutoencoderKL, PixArtTransformer2DModel } from "../../src/models/index.ts";
import * as torch from "../../src/torch/index.ts";
import { SampleRng } from "../../src/training/contract/sample-rng.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { LatentStore } from "../../src/training/features/latent-store.ts";
import { Latents } from "../../src/training/features/latents.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { train } from "../../src/training/train.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { writeTinyAutoencoder } from "../fixtures/tiny-models.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TEXT = join(ROOT, "models/emoji-demo");
const folder = mkdtempSync(join(tmpdir(), "pixart-aspect-ratios-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Width and height of the pictures: 5 squares, 4 wide and 2 tall ones; 3 + 2 + 1 batches of 2. */
const SIZES = [
  ...Array.from({ length: 5 }, (_, i) => [40 + i, 40 + i] as const),
  ...Array.from({ length: 4 }, (_, i) => [80 + 20 * i, 40 + 10 * i] as const),
  ...Array.from({ length: 2 }, (_, i) => [40, 80 + i] as const),
];
/** In an epoch. */
const BATCHES = 6;

const configOf = (autoencoder: string): TrainConfig => ({
  name: "shapes",
  seed: 4,
  threads: 1,
  dataset: { folder: join(folder, "data") },
  autoencoder: { pretrained: autoencoder },
  tokenizer: { pretrained: TEXT, subfolder: "tokenizer" },
  textEncoder: { pretrained: TEXT, subfolder: "text_encoder" },
  transformer: {
    numLayers: 1,
    numAttentionHeads: 2,
    attentionHeadDim: 12,
    useAdditionalConditions: true,
  },
  stages: [
    {
      kind: "text-to-image",
      name: "shapes",
      resolution: 256,
      aspectRatios: true,
      batchSize: 2,
      steps: { epochs: 3 },
      optimizer: { lr: 1e-3 },
      checkpointEvery: 2,
      keepCheckpoints: 9,
      sampleEvery: null,
      transform: { resample: "bicubic", horizontalFlip: 0.5 },
    },
  ],
  sampling: { prompts: ["a colour"], steps: 1 },
});

async function writePictures(place: string): Promise<void> {
  for (const [i, [width, height]] of SIZES.entries()) {
    const name = join(place, `${String(i).padStart(2, "0")}`);
    await RgbImage.filled(width, height, [20 * i, 255 - 20 * i, 90]).save(`${name}.png`);
    writeFileSync(`${name}.txt`, `colour ${i}`);
  }
}

/** What the transformer was given: latents' sides, and what it is told of each picture. */
interface Given {
  readonly sides: readonly number[];
  readonly resolution: readonly number[];
  readonly ratio: readonly number[];
}

async function run(workDir: string, resume: boolean): Promise<{ lines: string[]; given: Given[] }> {
  const config = resolveConfig(
    JSON.parse(readFileSync(join(folder, "shapes.json"), "utf8")),
    "shapes",
  );
  const given: Given[] = [];
  const lines: string[] = [];
  const call = PixArtTransformer2DModel.prototype.call;
  const spy = vi.spyOn(PixArtTransformer2DModel.prototype, "call").mockImplementation(function (
    this: PixArtTransformer2DModel,
    noisy,
    inputs,
  ) {
    if (!torch.isGradEnabled()) return call.call(this, noisy, inputs); // samples and validation
    const { resolution, aspectRatio } = inputs.addedCondKwargs ?? {};
    given.push({
      sides: noisy.shape.slice(2),
      resolution: [...(resolution?.toFloat32Array() ?? [])],
      ratio: [...(aspectRatio?.toFloat32Array() ?? [])],
    });
    return call.call(this, noisy, inputs);
  });
  try {
    await train(
      { ...config, workDir },
      { resume, resumeCommand: "resume", say: (line) => lines.push(line) },
    );
  } finally {
    spy.mockRestore();
  }
  return { lines, given };
}

/** A process that trains, and is killed when it has made so many steps. */
async function killedAfter(workDir: string, steps: number): Promise<string> {
  const args = ["train", join(folder, "shapes.json"), "--work-dir", workDir];
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const events = join(workDir, "events.jsonl");
  const timer = setInterval(() => {
    const made = existsSync(events) ? readFileSync(events, "utf8").split('"type":"step"') : [];
    if (made.length > steps) child.kill("SIGKILL");
  }, 2);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(timer);
      resolve(String(signal ?? code));
    });
  });
}

const files = (workDir: string): unknown =>
  JSON.parse(readFileSync(join(workDir, "checkpoints/shapes/step-00000018/manifest.json"), "utf8"))
    .files;

const losses = (workDir: string): unknown =>
  readEvents(join(workDir, "events.jsonl")).flatMap((event) =>
    event.type === "step" ? [[event.step, event.loss, event.gradNorm]] : [],
  );

describe("training at several aspect ratios", () => {
  const straight = join(folder, "straight");
  const broken = join(folder, "broken");
  let first: Awaited<ReturnType<typeof run>>;

  beforeAll(async () => {
    await writePictures(join(folder, "data"));
    const config = configOf(await writeTinyAutoencoder(folder));
    writeFileSync(join(folder, "shapes.json"), JSON.stringify(config));
    first = await run(straight, false);
  });

  it("prints the plan before the first step", () => {
    const from = first.lines.findIndex((line) => line.startsWith("Aspect ratios"));
    expect(first.lines.slice(from, from + 6)).toEqual([
      'Aspect ratios of stage "shapes", batches of 2:',
      "  width × height   ratio   pictures   batches",
      "  352 × 176         0.50          4         2",
      "  256 × 256         1.00          5         3",
      "  176 × 352         2.00          2         1",
      "  an epoch: 6 batches, 1.83 different pictures in each on average, 1 shown once more to fill batches",
    ]);
  });

  it("counts an epoch's steps in batches of one size", () => {
    const { stages } = configFromJson(readFileSync(join(straight, "config.json"), "utf8"), "x");
    expect(stages[0]?.steps).toBe(3 * BATCHES);
  });

  it("shows every picture at its size, and tells the model its own size and the table's ratio", () => {
    const steps = first.given.slice(0, BATCHES);
    const shapes = steps.map(({ sides: [h = 0, w = 0], ratio }) => `${8 * w}x${8 * h} ${ratio}`);
    expect(shapes.toSorted()).toEqual([
      "176x352 2,2",
      "256x256 1,1",
      "256x256 1,1",
      "256x256 1,1",
      "352x176 0.5,0.5",
      "352x176 0.5,0.5",
    ]);
    const seen = steps.flatMap(({ resolution: [h1, w1, h2, w2] }) => [
      `${w1}x${h1}`,
      `${w2}x${h2}`,
    ]);
    expect(seen).toHaveLength(12);
    expect([...new Set(seen)].toSorted()).toEqual(SIZES.map((size) => size.join("x")).toSorted());
  });

  it("killed and resumed ends with the same weights, moments and losses to the last bit", async () => {
    expect(await killedAfter(broken, 3)).toBe("SIGKILL");
    const { lines } = await run(broken, true);
    expect(lines.join("\n")).toMatch(/^Continuing with stage "shapes" after step \d*[2468]$/m);
    expect(files(broken)).toEqual(files(straight));
    expect(losses(broken)).toEqual(losses(straight));
  });

  it("keeps a picture's latents of several sizes apart in one cache", async () => {
    const { train: examples } = await loadTrainingData({
      folder: join(folder, "data"),
      things: null,
      styles: null,
    });
    const vae = await AutoencoderKL.fromPretrained(join(folder, "autoencoder"));
    const shapes: number[][] = [];
    for (const buckets of [undefined, trainingBuckets(256), undefined, trainingBuckets(256)]) {
      const transform = { resample: "bicubic", crop: "center", horizontalFlip: 0 } as const;
      const made = { stage: { resolution: 256, transform }, vae, warn: () => {} };
      using store = await LatentStore.open(join(folder, "shared-cache"), made);
      const limit = new UnreadableLimit({ share: 0, pictures: examples.length });
      const latents = await Latents.open({ ...made, examples, buckets, store, limit });
      const draws = new SampleRng(1, "cache", [0]);
      expect(() => latents.draw([], draws)).toThrow(
        new InternalError("Expected at least one picture"),
      );
      const wide = await latents.load([5], draws);
      shapes.push(torch.tidy(() => latents.draw(wide, draws).shape.slice()));
      latents.dispose();
    }
    vae.dispose();
    const [square, wide] = [
      [1, 4, 32, 32],
      [1, 4, 22, 44],
    ];
    expect(shapes).toEqual([square, wide, square, wide]);
  });
});
