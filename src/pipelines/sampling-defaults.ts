/** What a pipeline's call takes for the options that it is not given. */
export interface SamplingDefaults {
  /** A whole number of denoising steps, at least 1; at most 1000 to be saved with a model. */
  readonly numInferenceSteps: number;
  /** Strength of classifier-free guidance; 1 or less turns it off. From 0 to 100 to be saved with a model. */
  readonly guidanceScale: number;
}

/** Those of diffusers' PixArt pipelines. */
export const SAMPLING_DEFAULTS: SamplingDefaults = { numInferenceSteps: 20, guidanceScale: 4.5 };

/** Whether a model has none of its own. */
export const areUsual = ({ numInferenceSteps, guidanceScale }: SamplingDefaults): boolean =>
  numInferenceSteps === SAMPLING_DEFAULTS.numInferenceSteps &&
  guidanceScale === SAMPLING_DEFAULTS.guidanceScale;

/** What a folder may say. */
export const SAVED_DEFAULTS = "1 to 1000 steps, and guidance from 0 to 100";

/** Whether both can be saved with a model, and read again. */
export const canBeSaved = (numInferenceSteps: unknown, guidanceScale: unknown): boolean =>
  isWithin(numInferenceSteps, 1, 1000) &&
  Number.isInteger(numInferenceSteps) &&
  isWithin(guidanceScale, 0, 100);

const isWithin = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most;
