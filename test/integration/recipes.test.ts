import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { DEMO_THINGS } from "../../src/data/emoji/demo-things.ts";
import { withArticle } from "../../src/data/emoji/grammar.ts";
import { EMOJI_STYLES } from "../../src/data/emoji/packages.ts";
import { heldOutStyle } from "../../src/data/emoji/split.ts";

describe("the recipes in configs/", () => {
  it("go through the paper's curriculum, on the latents of an autoencoder that is there", async () => {
    const { stages, autoencoder } = await loadConfig("emoji_demo");
    expect(autoencoder).toMatchObject({ pretrained: "emoji-vae" });
    expect((await loadConfig("emoji_vae")).stages.map(({ kind }) => kind)).toEqual(["autoencoder"]);
    expect(stages.map(({ kind, resolution }) => [kind, resolution])).toEqual([
      ["class-conditional", 32],
      ["text-to-image", 32],
      ["text-to-image", 64],
    ]);
    expect(stages.at(-1)).toMatchObject({ curated: true, interpolationScale: 2 });
  });

  it("differ in their data, the size of the transformer and length only", async () => {
    const [demo, full] = [await loadConfig("emoji_demo"), await loadConfig("emoji_full")];
    expect(demo.dataset.things).toBe("demo");
    expect(full.dataset.things).toBeNull();
    for (const part of ["autoencoder", "tokenizer", "textEncoder", "sampling"] as const) {
      expect(full[part]).toEqual(demo[part]);
    }
    const layers = ({ transformer }: typeof demo): number =>
      "pretrained" in transformer ? 0 : transformer.numLayers;
    expect(layers(full)).toBeGreaterThan(layers(demo));
    for (const [i, stage] of demo.stages.entries()) {
      expect(full.stages[i]?.steps).toBeGreaterThan(Number(stage.steps));
    }
  });

  it("sample eight things that training shows in that style, and eight that it does not", async () => {
    const { prompts } = (await loadConfig("emoji_demo")).sampling;
    const pairs = DEMO_THINGS.flatMap((thing) =>
      EMOJI_STYLES.map((style) => ({
        prompt: `${withArticle(thing)}, ${style} style`,
        heldOut: heldOutStyle(thing, EMOJI_STYLES) === style,
      })),
    );
    const heldOut = prompts.map((prompt) => pairs.find((pair) => pair.prompt === prompt)?.heldOut);
    expect(heldOut).toEqual([...Array(8).fill(false), ...Array(8).fill(true)]);
    expect(new Set(prompts).size).toBe(16);
  });
});

describe("every recipe", () => {
  const configs = fileURLToPath(new URL("../../configs", import.meta.url));
  const names = readdirSync(configs).flatMap((file) => file.match(/^(.*)\.ts$/)?.[1] ?? []);

  it.each(names)("%s has no mistakes", async (name) => {
    expect((await loadConfig(name)).name).toBe(name);
  });

  it("of PixArt-Σ has its text length, optimizer and autoencoder", async () => {
    for (const size of [512, 1024]) {
      const { tokenizer, autoencoder, transformer, stages } = await loadConfig(
        `pixart_sigma_${size}_multiscale`,
      );
      expect(tokenizer.maxLength).toBe(300);
      expect(autoencoder).toMatchObject({
        pretrained: "PixArt-alpha/pixart_sigma_sdxlvae_T5_diffusers",
        subfolder: "vae",
      });
      expect(transformer).toMatchObject({
        pretrained: `PixArt-alpha/PixArt-Sigma-XL-2-${size}-MS`,
        subfolder: "transformer",
      });
      expect(stages[0]).toMatchObject({
        aspectRatios: true,
        ema: null,
        optimizer: {
          type: "came",
          lr: 2e-5,
          weightDecay: 0,
          betas: [0.9, 0.999, 0.9999],
          eps: [1e-30, 1e-16],
        },
      });
    }
  });
});

// PixArt-δ, section 4.3; PixArt-α, configs/pixart_app_config/PixArt_xl2_img1024_controlHed.py
it.each([
  ["hed", "given", "data/hed"],
  ["edges", "edges", null],
])("PixArt-δ's ControlNet on %s has its values", async (name, condition, controlFolder) => {
  const config = await loadConfig(`pixart_alpha_1024_controlnet_${name}`);
  expect(config.dataset).toMatchObject({ controlFolder, captionDropout: 0.1 });
  expect(config.stages).toHaveLength(1);
  expect(config.stages[0]).toMatchObject({
    resolution: 1024,
    batchSize: 3,
    gradientAccumulation: 4,
    steps: 20_000,
    controlnet: { blocks: 13, condition },
    loss: { type: "epsilon+vlb" },
    optimizer: { type: "adamw", lr: 5e-6, weightDecay: 3e-2, eps: 1e-10 },
    schedule: { type: "constant", warmupSteps: 0 },
    gradientClip: 0.01,
    gradientCheckpointing: true,
    ema: { decay: 0.9999 },
  });
});

describe("DreamBooth", () => {
  const lora = { type: "lora", targetModules: ["to_q", "to_k", "to_v", "to_out.0"] };
  const diffengine = {
    loss: { type: "epsilon" },
    gradientClip: 1,
    precision: "bfloat16",
    ema: null,
  };

  // diffengine, configs/pixart_alpha/*_dreambooth_lora_*.py; PixArt-α, configs/pixart_app_config/*_dreambooth.py
  it.each([
    [
      "pixart_alpha_1024_dreambooth_lora_dog",
      "a photo of sks dog",
      {
        ...diffengine,
        resolution: 1024,
        batchSize: 2,
        steps: 500,
        optimizer: { lr: 1e-4, weightDecay: 1e-2 },
        adapter: { ...lora, r: 8, alpha: 8 },
        checkpointEvery: 100,
        keepCheckpoints: 3,
      },
    ],
    [
      "pixart_alpha_512_dreambooth_lora_dog",
      "a photo of sks dog",
      { ...diffengine, resolution: 512, batchSize: 4, steps: 500, adapter: { ...lora, r: 8 } },
    ],
    [
      "pixart_alpha_1024_dreambooth_lora_cat_waterpainting",
      "A cat in szn style",
      { ...diffengine, batchSize: 1, steps: 1000, adapter: { ...lora, r: 64, alpha: 64 } },
    ],
    [
      "pixart_alpha_1024_dreambooth",
      "a photo of sks dog",
      {
        resolution: 1024,
        batchSize: 1,
        steps: 300,
        adapter: null,
        loss: { type: "epsilon+vlb" },
        optimizer: { lr: 5e-6, weightDecay: 3e-2, eps: 1e-10 },
        schedule: { type: "constant", warmupSteps: 0 },
        gradientClip: 0.01,
        checkpointEvery: 100,
      },
    ],
  ])("as %s has its values", async (name, instancePrompt, stage) => {
    const config = await loadConfig(name);
    expect(config.dataset.instancePrompt).toBe(instancePrompt);
    expect(config.stages).toHaveLength(1);
    expect(config.stages[0]).toMatchObject(stage);
  });
});
