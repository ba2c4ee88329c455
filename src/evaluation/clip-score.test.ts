import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { writeTinyClip, writeTinyTokenizer } from "../../test/fixtures/tiny-clip.ts";
import { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import { clipScore, loadCLIP } from "./clip-score.ts";
import { CLIPImageProcessor } from "./networks/clip-image-processor.ts";

const red = RgbImage.filled(9, 7, [255, 0, 0]);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-clip-score-"));
  await writeTinyClip(folder);
});
afterAll(() => rm(folder, { recursive: true }));

describe("clipScore", () => {
  it("scores every picture by its own prompt, in batches, and counts prompts that were cut", async () => {
    const clip = await loadCLIP(folder);
    const blue = RgbImage.filled(30, 30, [0, 0, 255]);
    const images = Array.from({ length: 70 }, (_, i) => (i % 2 === 0 ? red : blue));
    const prompts = images.map((_, i) => (i % 2 === 0 ? "a" : "aaaaaa"));
    collectGarbage();
    const before = torch.memory().tensors;
    const { scores, mean, truncated } = await clipScore(clip, images, prompts);
    expect(torch.memory().tensors).toBe(before);
    expect(truncated).toBe(35);
    const alone = await Promise.all(
      [red, blue].map((one, i) => clipScore(clip, [one], [prompts[i] ?? ""])),
    );
    for (const [i, score] of scores.entries())
      expect(score).toBeCloseTo(alone[i % 2]?.mean ?? Number.NaN, 3);
    expect(mean).toBeCloseTo(((alone[0]?.mean ?? 0) + (alone[1]?.mean ?? 0)) / 2, 3);
  });

  it("refuses pictures without prompts, and none at all", async () => {
    const clip = await loadCLIP(folder);
    await expect(clipScore(clip, [red, red], ["a"])).rejects.toThrow(
      "Expected a prompt for each of 2 pictures for prompts but received 1",
    );
    await expect(clipScore(clip, [], [])).rejects.toThrow(
      "Expected at least one picture for images but received none",
    );
  });
});

describe("loadCLIP", () => {
  it("refuses the tokenizer of another model", async () => {
    await writeTinyTokenizer(folder, 9);
    await expect(loadCLIP(folder)).rejects.toThrow(
      /Expected a tokenizer of at most the model's 4 tokens in .* but received one of 10/,
    );
    await writeTinyTokenizer(folder, 3);
  });
});

describe("CLIPImageProcessor.fromPretrained", () => {
  it("refuses settings that nobody knows, naming the file", async () => {
    const path = join(folder, "preprocessor_config.json");
    const read = async (settings: object) => {
      await writeFile(path, JSON.stringify(settings));
      await CLIPImageProcessor.fromPretrained(folder);
    };
    await expect(read({ resample: 5 })).rejects.toThrow(
      /Expected 3 or 0 or 1 or 2 for resample in .*preprocessor_config\.json but received 5/,
    );
    await expect(read({ size: { longest_edge: 3 } })).rejects.toThrow(
      /Expected a side of at most 4096 pixels, shortest_edge, or height and width for size in .* but received \{"longest_edge":3\}/,
    );
    await expect(read({ image_std: [1, 0, 1] })).rejects.toThrow(
      /Expected a list of 3 numbers for image_std in .* but received \[1,0,1\]/,
    );
    await rm(path);
    const newer = join(folder, "processor_config.json");
    await writeFile(newer, JSON.stringify({ image_processor: 3 }));
    await expect(CLIPImageProcessor.fromPretrained(folder)).rejects.toThrow(
      /processor_config\.json: image_processor: expected an object but found 3/,
    );
  });
});
