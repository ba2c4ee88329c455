import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clipScore, loadCLIP } from "../../src/evaluation/clip-score.ts";
import { CLIPImageProcessor } from "../../src/evaluation/networks/clip-image-processor.ts";
import { RgbImage } from "../../src/images/index.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-clip-score-"));

const picture = (width: number, height: number, seed: number): RgbImage => {
  const generator = torch.generator(seed);
  const noise = torch.tidy(() => torch.rand([height * width * 3], { generator }).toFloat32Array());
  // Soft in one direction and noisy in the other, so that a shift and another filter both show.
  const data = Uint8Array.from(
    noise,
    (value, i) => value * 128 + 127 * ((i % (3 * width)) / (3 * width)),
  );
  return new RgbImage(width, height, data);
};

const pictures = (
  [
    [224, 224],
    [64, 64],
    [301, 200],
    [97, 333],
    [500, 499],
  ] as const
).map(([width, height], seed) => picture(width, height, seed));

const settings = [
  {},
  { size: 50, crop_size: 41 },
  { size: { shortest_edge: 30 }, crop_size: { height: 45, width: 28 } },
  { size: { height: 60, width: 33 }, crop_size: { height: 21, width: 32 }, resample: 2 },
  { do_resize: false, crop_size: { height: 201, width: 230 }, do_rescale: false },
  { do_center_crop: false, resample: 1, image_mean: [0.5, 0.4, 0.3], image_std: [0.5, 0.25, 2] },
  { resample: 0, rescale_factor: 1 / 127.5, do_normalize: false },
];

const tower = { num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 40 };
const config = {
  text_config: { ...tower, hidden_size: 32, max_position_embeddings: 24 },
  vision_config: { ...tower, hidden_size: 24, image_size: 30, patch_size: 10 },
  projection_dim: 16,
};
const prompts = [
  "a red cat",
  "Grass, and a DOG’s heart",
  "",
  "a caption of many more letters than the model has tokens for",
  "a cat",
];

interface Prepared {
  readonly shape: readonly number[];
  readonly numbers: string;
}
let answers: [...preparations: Prepared[][], scores: unknown];
beforeAll(async () => {
  const script = fileURLToPath(new URL("clip-score.py", import.meta.url));
  const asked = pictures.map(({ width, height, data }) => ({
    width,
    height,
    pixels: Buffer.from(data).toString("base64"),
  }));
  answers = (await runPython(script, [
    ...settings.map((one, i) => ({
      action: "prepared",
      folder: join(root, `${i}`),
      settings: one,
      pictures: asked,
    })),
    {
      action: "scores",
      folder: join(root, "clip"),
      config,
      settings: { size: 30, crop_size: 30 },
      pictures: asked,
      prompts,
    },
  ])) as typeof answers;
});
afterAll(() => rmSync(root, { recursive: true }));

describe("CLIPImageProcessor", () => {
  it.each(settings.map((one, i) => [JSON.stringify(one), i] as const))(
    "prepares pictures as transformers does with Pillow: %s",
    async (_, i) => {
      const processor = await CLIPImageProcessor.fromPretrained(join(root, `${i}`));
      for (const [k, image] of pictures.entries()) {
        const { data, width, height } = await processor.fit(image);
        const { shape, numbers } = (answers[i] as Prepared[])[k] as Prepared;
        torch.tidy(() => {
          const bytes = torch.fromTypedArray(data, [1, height, width, 3]).permute([0, 3, 1, 2]);
          const found = processor.input(bytes).squeeze(0);
          expect(found.shape).toEqual(shape);
          const wanted = torch.fromBytes(Buffer.from(numbers, "base64"), "float32", shape);
          const most = (tensor: torch.Tensor): number => tensor.abs().flatten().amax([0]).item();
          expect(most(found.sub(wanted)) / most(wanted)).toBeLessThan(1e-6);
        });
      }
    },
  );
});

describe("clipScore", () => {
  it("is that of transformers, at least 0", async () => {
    const clip = await loadCLIP(join(root, "clip"));
    const { scores, mean, truncated } = await clipScore(clip, pictures, prompts);
    const wanted = answers.at(-1) as number[];
    expect(Math.min(...wanted)).toBeLessThan(0);
    expect(Math.max(...wanted)).toBeGreaterThan(0);
    for (const [i, score] of scores.entries()) {
      expect(Math.abs(score - Math.max(wanted[i] ?? Number.NaN, 0)), `picture ${i}`).toBeLessThan(
        1e-3,
      );
    }
    const sum = wanted.reduce((total, score) => total + Math.max(score, 0), 0);
    expect(mean).toBeCloseTo(sum / wanted.length, 3);
    expect(truncated).toBe(1);
  });
});
