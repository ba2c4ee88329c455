import {
  type ClassConditionalStageConfig,
  defineConfig,
  type TextToImageStageConfig,
} from "pixart/config";

/** Stage 1, pixel dependency: what pictures of a class look like. */
export const pixels: ClassConditionalStageConfig = {
  kind: "class-conditional",
  name: "pixels",
  resolution: 32,
  batchSize: 16,
  steps: 300,
  loss: { type: "v" },
  optimizer: { lr: 1e-3 },
  schedule: { type: "cosine", warmupSteps: 50 },
  ema: { decay: 0.99 },
  checkpointEvery: 200,
  sampleEvery: null,
};

/** Stage 2, text-image alignment: what captions mean, at a quarter of the pixels. */
export const alignment: TextToImageStageConfig = {
  kind: "text-to-image",
  name: "alignment",
  resolution: 32,
  batchSize: 16,
  steps: 1000,
  trainTextEncoder: true,
  loss: { type: "v" },
  optimizer: { lr: 1e-3, textEncoderLr: 1e-3 },
  schedule: { type: "cosine", warmupSteps: 50 },
  ema: { decay: 0.995 },
  checkpointEvery: 500,
  sampleEvery: 1000,
  validateEvery: 500,
};

/** Stage 3, high aesthetics: the well-drawn part at full size. */
export const aesthetics: TextToImageStageConfig = {
  kind: "text-to-image",
  name: "aesthetics",
  resolution: 64,
  batchSize: 16,
  steps: 2200,
  curated: true,
  interpolationScale: 2, // twice the side of the stage before
  loss: { type: "v" },
  optimizer: { lr: 1e-3 },
  schedule: { type: "cosine", warmupSteps: 50 },
  ema: { decay: 0.995 },
  checkpointEvery: 550,
  sampleEvery: 550,
  validateEvery: 550,
};

/** PixArt-α's whole curriculum on 64 emoji in four styles: 15 to 25 minutes on two cores. */
export default defineConfig({
  threads: 2,
  dataset: { folder: "data/emoji", things: "demo", denseCaptionProbability: 0.3 },
  autoencoder: { pretrained: "emoji-vae" }, // made by emoji_vae
  tokenizer: { vocabSize: 2048, maxLength: 64 },
  textEncoder: { dModel: 128, dKv: 32, numHeads: 4, dFf: 256, numLayers: 2 },
  transformer: { numLayers: 6, numAttentionHeads: 3, attentionHeadDim: 64, patchSize: 2 },
  stages: [pixels, alignment, aesthetics],
  sampling: {
    prompts: [
      "a red apple, noto style",
      "a strawberry, twemoji style",
      "a watermelon, openmoji style",
      "a sunflower, fluent style",
      "a frog, noto style",
      "an owl, twemoji style",
      "a rainbow, openmoji style",
      "an automobile, fluent style",
      // Training shows these things in the other styles only.
      "a banana, fluent style",
      "a hamburger, twemoji style",
      "a fox, fluent style",
      "a penguin, openmoji style",
      "a snail, twemoji style",
      "an elephant, noto style",
      "a star, noto style",
      "a house, openmoji style",
    ],
    steps: 20,
    guidanceScale: 3,
    seed: 0,
  },
});
