/**
 * The most that a config may ask for, where a larger number could only fill the memory or never end. What the machine at hand can
 * hold is asked when a run is planned: a config may be read on another one.
 */
export const CONFIG_LIMITS = {
  /** Threads of a process: more than any machine has cores. */
  threads: 4096,
  /** Processes of a run: PixArt-α's took 64, the largest runs known 16,384. */
  processes: 65_536,
  /** Side of pictures: squares of more have more than the 64 megapixels that are decoded. */
  resolution: 8000,
  /** Pictures of a pass, which are in memory together. */
  batchSize: 1_000_000,
  /** Passes of a step: at a tenth of a second each, hours. */
  gradientAccumulation: 100_000,
  /** Passes over the data: a single picture is seen a million times by then. */
  epochs: 1_000_000,
  /** Steps of a stage: at a thousand a second, eleven days. */
  steps: 1_000_000_000,
  /** Steps that a sample is drawn in: of the 1000 timesteps that PixArt is trained with, DPM-Solver++ can use all but one. */
  sampling: 999,
  /** Losses that are remembered to say what is usual. */
  window: 1_000_000,
  /** Pictures that are drawn before a DreamBooth run: its authors take 1,000. */
  classImages: 1_000_000,
  /** Tokens of a caption: T5's attention takes their square, 64 times. */
  maxLength: 4096,
  /** Pieces of a tokenizer: twice those of the largest of T5's kind. */
  vocabSize: 524_288,
} as const;
