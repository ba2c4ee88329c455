import type { TextToImageStageConfig, TrainConfig } from "pixart/config";
import { paper } from "./paper.ts";

/**
 * PixArt-δ's ControlNet: copies of 13 of the 28 blocks, at the paper's rate and length (arXiv 2401.05252 section 4.3), with what else the
 * released config says (PixArt-alpha `configs/pixart_app_config/PixArt_xl2_img1024_controlHed.py`). That one has a rate of 2e-5,
 * which its square-root rule brings down to 5e-6 at 16 pictures a step.
 */
export const controlnet: TextToImageStageConfig = {
  ...paper,
  name: "controlnet",
  resolution: 1024,
  batchSize: 3,
  gradientAccumulation: 4,
  steps: 20_000,
  controlnet: { blocks: 13 },
  optimizer: { lr: 5e-6, weightDecay: 3e-2, eps: 1e-10 },
  schedule: { type: "constant", warmupSteps: 0 },
  checkpointEvery: 1000,
  sampleEvery: 1000,
};

/** The released 1024 px model on one's own captioned pictures. */
export const pictures: TrainConfig = {
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  dataset: { folder: "data/pictures", cleanCaptions: true },
  stages: [controlnet],
  sampling: {
    prompts: ["an oil painting", "a photograph at night", "a pencil drawing"],
    steps: 20,
  },
};
