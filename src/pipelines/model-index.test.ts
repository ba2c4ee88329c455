import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readModelIndex, readSamplingDefaults, writeModelIndex } from "./model-index.ts";
import { SAMPLING_DEFAULTS } from "./sampling-defaults.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-index-"));
  path = join(folder, "model_index.json");
});
afterEach(() => rm(folder, { recursive: true }));

const check = (): unknown =>
  readModelIndex(folder, ["PixArtAlphaPipeline"], {
    scheduler: ["DPMSolverMultistepScheduler"],
    transformer: ["PixArtTransformer2DModel", "Transformer2DModel"],
  });

const write = (index: unknown): Promise<void> => writeFile(path, JSON.stringify(index));

const released = {
  _class_name: "PixArtAlphaPipeline",
  _diffusers_version: "0.22.0.dev0",
  scheduler: ["diffusers", "DPMSolverMultistepScheduler"],
  transformer: ["diffusers", "Transformer2DModel"],
  vae: ["diffusers", "AutoencoderKL"],
};

describe("model_index.json", () => {
  it("is accepted as released, with the transformer's older name", async () => {
    await write(released);
    expect(check()).toEqual({
      pipeline: "PixArtAlphaPipeline",
      components: { scheduler: "DPMSolverMultistepScheduler", transformer: "Transformer2DModel" },
    });
  });

  it("is written in diffusers' form", async () => {
    const classes = {
      vae: ["diffusers", "AutoencoderKL"],
      scheduler: ["diffusers", "DPMSolverMultistepScheduler"],
    } as const;
    await writeModelIndex(folder, "PixArtAlphaPipeline", classes, SAMPLING_DEFAULTS);
    expect(await readFile(path, "utf8")).toBe(
      `{
  "_class_name": "PixArtAlphaPipeline",
  "_diffusers_version": "0.42.1",
  "scheduler": [
    "diffusers",
    "DPMSolverMultistepScheduler"
  ],
  "vae": [
    "diffusers",
    "AutoencoderKL"
  ]
}
`,
    );
  });

  it("keeps a model's own steps and guidance under a key that diffusers ignores", async () => {
    const own = { numInferenceSteps: 4, guidanceScale: 0 };
    await writeModelIndex(folder, "PixArtAlphaPipeline", {}, own);
    expect(JSON.parse(await readFile(path, "utf8"))._sampling).toEqual({
      num_inference_steps: 4,
      guidance_scale: 0,
    });
    expect(readSamplingDefaults(folder)).toEqual(own);
    await write(released);
    expect(readSamplingDefaults(folder)).toEqual(SAMPLING_DEFAULTS);
  });

  it("writes none that could not be read", async () => {
    const wrong = { numInferenceSteps: 20, guidanceScale: Number.NaN };
    await expect(writeModelIndex(folder, "PixArtAlphaPipeline", {}, wrong)).rejects.toThrow(
      "Expected 1 to 1000 steps, and guidance from 0 to 100 for the pipeline's defaults but received",
    );
  });

  it.each([
    null,
    "fast",
    {},
    { num_inference_steps: 0, guidance_scale: 3 },
    { num_inference_steps: 1.5, guidance_scale: 3 },
    { num_inference_steps: 1e6, guidance_scale: 3 },
    { num_inference_steps: 20, guidance_scale: -1 },
    { num_inference_steps: 20, guidance_scale: "3" },
    { num_inference_steps: 20, guidance_scale: 1e300 },
  ])("refuses other steps and guidance: %j", async (_sampling) => {
    await write({ ...released, _sampling });
    expect(() => readSamplingDefaults(folder)).toThrow(
      `${path}: _sampling: expected 1 to 1000 steps, and guidance from 0 to 100 but found ${JSON.stringify(_sampling)}`,
    );
  });

  it("names path, key, found and expected where it is another pipeline", async () => {
    expect(check).toThrow(`${path}: file: expected a JSON file but found nothing of that name`);
    await write({ ...released, _class_name: "PixArtSigmaPipeline" });
    expect(check).toThrow(
      `${path}: _class_name: expected PixArtAlphaPipeline but found "PixArtSigmaPipeline"`,
    );
    await write({ ...released, scheduler: ["diffusers", "LCMScheduler"] });
    expect(check).toThrow(
      `${path}: scheduler: expected DPMSolverMultistepScheduler but found "LCMScheduler"`,
    );
    await write({ ...released, transformer: [null, null] });
    expect(check).toThrow(
      `${path}: transformer: expected PixArtTransformer2DModel or Transformer2DModel but found null`,
    );
    await write({ _class_name: "PixArtAlphaPipeline" });
    expect(check).toThrow(
      `${path}: scheduler: expected DPMSolverMultistepScheduler but found nothing`,
    );
  });
});
