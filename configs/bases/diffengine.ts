import type { TextToImageStageConfig, TrainConfig } from "pixart/config";

/** diffengine's fine-tuning of the 1024 px model: no averages, no bound on the variance, no dropped captions. */
export const finetune: TextToImageStageConfig = {
  kind: "text-to-image",
  name: "finetune",
  resolution: 1024,
  batchSize: 2,
  steps: { epochs: 50 },
  loss: { type: "epsilon" },
  optimizer: { lr: 1e-5, weightDecay: 1e-2 },
  gradientClip: 1,
  gradientCheckpointing: true,
  precision: "bfloat16",
  ema: null,
  transform: { resample: "bilinear", crop: "random", horizontalFlip: 0.5 },
  checkpointEvery: { epochs: 1 },
  sampleEvery: { epochs: 1 },
};

/**
 * The released 1024 px model on captioned pictures of Pokémon. The data set was taken down from the Hub in April 2024.
 * One of the same form is there: --cfg-options dataset.folder=lambdalabs/naruto-blip-captions; so is a folder of one's own.
 */
export const pokemonBlip: TrainConfig = {
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  autoencoder: { pretrained: "stabilityai/sd-vae-ft-ema" },
  dataset: { folder: "lambdalabs/pokemon-blip-captions", cleanCaptions: true, captionDropout: 0 },
  stages: [finetune],
  sampling: { prompts: Array.from({ length: 4 }, () => "yoda pokemon"), steps: 50 },
};

/** DreamBooth with LoRA: five pictures or so of one thing, all with one caption. */
export const dreambooth: TextToImageStageConfig = {
  ...finetune,
  name: "dreambooth",
  steps: 500,
  optimizer: { lr: 1e-4, weightDecay: 1e-2 },
  adapter: { type: "lora", r: 8, alpha: 8 },
  checkpointEvery: 100,
  sampleEvery: 100,
};

/**
 * The 1024 px model on five pictures of a dog:
 * hf download diffusers/dog-example --repo-type dataset --local-dir diffusers/dog-example
 */
export const dogExample: TrainConfig = {
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  autoencoder: { pretrained: "stabilityai/sd-vae-ft-ema" },
  dataset: {
    folder: "diffusers/dog-example",
    instancePrompt: "a photo of sks dog",
    cleanCaptions: true,
    captionDropout: 0,
  },
  stages: [dreambooth],
  sampling: {
    prompts: Array.from({ length: 4 }, () => "A photo of sks dog in a bucket"),
    steps: 50,
  },
};
