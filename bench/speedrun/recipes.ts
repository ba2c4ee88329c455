import { CURRICULUM, type Design, type StageChanges } from "../lab/design.ts";

/** What a run has to reach on the pairs that settings are chosen on, and to keep to its end. */
export const TARGET = {
  /** Share whose caption is chosen of eight. */
  choice: 0.7,
  /** Share of drawn pictures that are nearest to one of the thing, where a network looks. */
  content: 0.2,
} as const;

/** Operations of a run, in TFLOP: what the demo's stages take, the autoencoder left out. */
export const BUDGET = 27;
/** Of AdamW, before a recipe changes it. */
export const RATE = 1e-3;

/** The demo's settings as it ships, on its curriculum. */
const SHIPPED: StageChanges = { batchSize: 16, precision: "float32" };

const recipe = (name: string, what: string, changes: StageChanges = {}): Design => ({
  name,
  what,
  parts: CURRICULUM.map((part) => ({ ...part, changes: { ...SHIPPED, ...changes } })),
  dense: 0.3,
  labels: "own",
});

/** One entry each: a change of the recipe that ships, or several. */
export const RECIPES: readonly Design[] = [
  recipe("shipped", "the demo's settings: batches of 16, AdamW at 1e-3, float32"),
  recipe("bfloat16", "products in bfloat16", { precision: "bfloat16" }),
  recipe("batch-8", "batches of 8", { batchSize: 8 }),
  recipe("batch-32", "batches of 32", { batchSize: 32 }),
  recipe("batch-64", "batches of 64", { batchSize: 64 }),
  recipe("rate-half", "half the learning rate", { rate: 0.5 }),
  recipe("rate-double", "twice the learning rate", { rate: 2 }),
  recipe("min-snr", "easy timesteps count less (γ = 5)", { loss: { type: "v", minSnrGamma: 5 } }),
  recipe("debiased", "noisy timesteps count more", { loss: { type: "v", debiased: true } }),
  recipe("later", "noisy timesteps more often", { timesteps: { type: "later" } }),
  recipe("muon-256", "Muon, batches of 256", { optimizer: "muon", batchSize: 256 }),
  recipe("slow-average", "averages over a thousand steps", { ema: { decay: 0.999 } }),
];
