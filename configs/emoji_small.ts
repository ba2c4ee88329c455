import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, pixels } from "./emoji_demo.ts";

/**
 * The demo's curriculum on all animals, plants, food and drinks among the emoji, 291 things: what `models/emoji-small` was trained
 * with. An hour and a half on two cores. Each picture is seen about as often as in the demo.
 */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null, groups: ["animals-nature", "food-drink"] },
  transformer: { numLayers: 6, numAttentionHeads: 4, attentionHeadDim: 64, patchSize: 2 },
  stages: [
    {
      ...pixels,
      batchSize: 32,
      steps: 1000,
      ema: { decay: 0.998 },
      checkpointEvery: 500,
    },
    {
      ...alignment,
      batchSize: 32,
      steps: 3000,
      precision: "auto",
      ema: { decay: 0.999 },
      sampleEvery: 3000,
      validateEvery: 1000,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 4000,
      precision: "auto",
      curated: false, // all things are to be drawn well
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 1000,
      validateEvery: 1000,
    },
  ],
  sampling: {
    ...demo.sampling,
    prompts: [
      "a red apple, noto style",
      "a strawberry, twemoji style",
      "a sunflower, fluent style",
      "a frog, noto style",
      "a panda, twemoji style",
      "a hamburger, openmoji style",
      "a rose, noto style",
      "a tropical fish, fluent style",
      // Training shows these things in the other styles only.
      "a banana, fluent style",
      "a fox, fluent style",
      "a doughnut, noto style",
      "an elephant, noto style",
      "a crab, twemoji style",
      "a hamburger, twemoji style",
      "a penguin, openmoji style",
      "a tomato, openmoji style",
    ],
  },
});
