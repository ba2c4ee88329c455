/** What a pipeline's call takes for the options that it is not given. */
export interface SamplingDefaults {
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
}

/** Those of diffusers' PixArt pipelines. */
export const SAMPLING_DEFAULTS: SamplingDefaults = { numInferenceSteps: 20, guidanceScale: 4.5 };

/** Whether a model has none of its own. */
export const areUsual = ({ numInferenceSteps, guidanceScale }: SamplingDefaults): boolean =>
  numInferenceSteps === SAMPLING_DEFAULTS.numInferenceSteps &&
  guidanceScale === SAMPLING_DEFAULTS.guidanceScale;
