/**
 * Most training timesteps of a schedule, and most steps of a sampler over continuous noise levels. Models are trained with 1,000,
 * the largest known with 4,000: a hundred times the usual number still takes milliseconds and a few megabytes.
 */
export const MOST_TIMESTEPS = 100_000;
