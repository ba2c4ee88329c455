/**
 * Upper limits for config values; larger numbers could only exhaust the memory or never finish. What this machine can hold is
 * checked when a run is planned, since a config may be read on another machine.
 */
export const CONFIG_LIMITS = {
  /** Threads per process: more than any machine has cores. */
  threads: 4096,
  /** Processes per run: PixArt-α's used 64, the largest known runs 16,384. */
  processes: 65_536,
  /** Side of pictures: larger squares exceed the 64 megapixels that are decoded. */
  resolution: 8000,
  /** Pictures per pass, which are in memory together. */
  batchSize: 1_000_000,
  /** Passes per step: hours, at a tenth of a second each. */
  gradientAccumulation: 100_000,
  /** Passes over the data: even a single picture would be seen a million times. */
  epochs: 1_000_000,
  /** Steps per stage: eleven days, at a thousand steps a second. */
  steps: 1_000_000_000,
  /** Denoising steps per sample: of the 1000 timesteps that PixArt is trained with, DPM-Solver++ can use all but one. */
  sampling: 999,
  /** Number of losses that define the usual loss. */
  window: 1_000_000,
  /** Pictures of each split that a validation measures: more than most data sets have. */
  validationSamples: 1_000_000,
  /** Pictures drawn before a DreamBooth run: its authors use 1,000. */
  classImages: 1_000_000,
  /** Tokens per caption: T5's attention is quadratic in them, with 64 heads. */
  maxLength: 4096,
  /** Vocabulary size of a tokenizer: twice that of the largest of T5's kind. */
  vocabSize: 524_288,
} as const;
