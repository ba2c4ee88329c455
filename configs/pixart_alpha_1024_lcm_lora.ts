import { defineConfig } from "pixart/config";
import lcm from "./pixart_alpha_1024_lcm.ts";

/** PixArt-δ's distillation as a LoRA of rank 32: the model and its adapter are teacher and student, so that one copy is in memory. */
export default defineConfig({
  ...lcm,
  stages: lcm.stages.map((stage) =>
    stage.kind === "text-to-image"
      ? { ...stage, name: "lcm-lora", adapter: { type: "lora", r: 32, alpha: 32 } }
      : stage,
  ),
});
