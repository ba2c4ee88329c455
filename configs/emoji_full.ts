import { defineConfig } from "pixart/config";
import demo from "./emoji_demo.ts";

/** The demo's curriculum on every emoji, twenty times as long. */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null },
  stages: demo.stages.map((stage) => ({
    ...stage,
    steps: stage.steps * 20,
    checkpointEvery: 1000,
    sampleEvery: 2000,
    validateEvery: stage.kind === "text-to-image" ? 2000 : null,
  })),
});
