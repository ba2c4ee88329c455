import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-consistency-"));
const at = (name: string): string => join(folder, name);
beforeAll(() => writeTinyDataset(at("data")));
afterAll(() => rmSync(folder, { recursive: true }));

const options = [
  `base=${BASE}`,
  `autoencoder.pretrained=${BASE}`,
  "autoencoder.subfolder=vae",
  `dataset.folder=${at("data")}`,
  `dataset.cache.folder=${at("cache")}`,
  "threads=1",
  "stages.0.resolution=32",
  "stages.0.batchSize=4",
  "stages.0.steps=4",
  "stages.0.loss.type=v",
  "stages.0.precision=float32",
  "stages.0.schedule.warmupSteps=0",
  "stages.0.sampleEvery=null",
  "sampling.prompts=[a ball]",
];
const train = (recipe: string, run: string, ...more: readonly string[]) =>
  pixartHere("train", recipe, "--work-dir", at(run), "--cfg-options", ...options, ...more);

describe("latent consistency distillation", () => {
  it("draws in four steps with LCM's sampler, and publishes it", async () => {
    const recipe = "pixart_alpha_1024_lcm_lora";
    await train(recipe, recipe);
    await pixartHere("publish", at(recipe), at(`${recipe}-published`), "--merge");
    const scheduler = readFileSync(
      at(`${recipe}-published/scheduler/scheduler_config.json`),
      "utf8",
    );
    expect(JSON.parse(scheduler)).toMatchObject({
      _class_name: "LCMScheduler",
      beta_schedule: "linear",
      original_inference_steps: 50,
      prediction_type: "v_prediction",
    });
    const { stdout } = await pixartHere(
      ...["sample", at(`${recipe}-published`), "a ball", "--steps", "4", "--guidance", "1"],
      ...["--out", at("pictures")],
    );
    const { width, data } = await RgbImage.decode(stdout.trim());
    expect(width).toBe(64);
    expect(new Set(data).size).toBeGreaterThan(8);
  });

  it("resumes to the same bits, its average and target too", async () => {
    const recipe = "pixart_alpha_1024_lcm";
    const { stdout, stderr } = await pixartHere(
      ...["train", recipe, "--prove-resume", "2", "--work-dir", at(`${recipe}-proof`)],
      ...["--cfg-options", ...options],
    );
    expect(`${stdout}${stderr}`).toMatch(/equal|same/i);
    expect(process.exitCode ?? 0).toBe(0);
  });
});
