import type { ScaleRecipe, ScaleStage } from "./recipe.ts";

/** V100 days per A100 day, as in the paper. */
export const V100_DAYS_PER_A100_DAY = 2.2;
const DAY = 86_400;

interface PaperStage extends Omit<ScaleStage, "imagesPerSecond"> {
  readonly v100Days: number;
}

/** Images per second of one A100, from the V100 days of a stage. */
const ofTable4 = ({ v100Days, ...stage }: PaperStage): ScaleStage => ({
  ...stage,
  imagesPerSecond: (stage.steps * stage.batchSize) / ((v100Days / V100_DAYS_PER_A100_DAY) * DAY),
});

const aesthetics = { dataset: "internal + JourneyDB", pictures: 14_000_000, captioned: true };

/** PixArt-α's own run: table 4 of the paper (Chen et al., 2023, arXiv 2310.00426v3). */
export const PIXART_ALPHA: ScaleRecipe = {
  name: "pixart-alpha",
  // XL/2 without micro-conditions, as diffusers counts it.
  parameters: 610_856_096,
  speedSource: "V100 days of arXiv 2310.00426, table 4, at 2.2 to an A100 day as there",
  stages: [
    ofTable4({
      name: "pixels",
      dataset: "ImageNet",
      pictures: 1_000_000,
      resolution: 256,
      captioned: false,
      batchSize: 128 * 8,
      microBatch: 128,
      steps: 300_000,
      v100Days: 88,
    }),
    ofTable4({
      name: "alignment",
      dataset: "SAM-LLaVA",
      pictures: 10_000_000,
      resolution: 256,
      captioned: true,
      batchSize: 178 * 64,
      microBatch: 178,
      steps: 150_000,
      v100Days: 672,
    }),
    ofTable4({
      ...aesthetics,
      name: "aesthetics-256",
      resolution: 256,
      batchSize: 178 * 64,
      microBatch: 178,
      steps: 90_000,
      v100Days: 416,
    }),
    ofTable4({
      ...aesthetics,
      name: "aesthetics-512",
      resolution: 512,
      batchSize: 40 * 64,
      microBatch: 40,
      steps: 100_000,
      v100Days: 320,
    }),
    ofTable4({
      ...aesthetics,
      name: "aesthetics-1024",
      resolution: 1024,
      batchSize: 12 * 32,
      microBatch: 12,
      steps: 16_000,
      v100Days: 160,
    }),
  ],
};
