import type { Series } from "../../src/studio/api-types.ts";

const BANDS = { "0-249": 0.09, "250-499": 0.16, "500-749": 0.26, "750-999": 0.42 };
const POINTS = 1000;
const VALIDATE_EVERY = 100;
const IMAGES_PER_STEP = 64;
const STEP_SECONDS = 0.76;

/** A number from 0 to 1 that is always the same for a step. */
const noise = (step: number): number => {
  const x = Math.sin(step * 12.9898) * 43758.5453;
  return x - Math.floor(x);
};

const heldout = (step: number): number => 0.2 + 0.32 * Math.exp(-step / 420) + 0.004 * noise(step);
const loss = (step: number): number => {
  const leap = step % 337 === 0 && step > 0 ? 0.35 : 0;
  return 0.192 + 0.36 * Math.exp(-step / 380) + 0.07 * (noise(step) - 0.5) + leap;
};

type Columns = Series["keys"][string];

function columns(steps: readonly number[], value: (step: number) => number, size: number): Columns {
  const buckets = steps.map((step) => Array.from({ length: size }, (_, i) => value(step + i)));
  return {
    step: steps,
    mean: buckets.map((bucket) => bucket.reduce((sum, x) => sum + x, 0) / size),
    min: buckets.map((bucket) => Math.min(...bucket)),
    max: buckets.map((bucket) => Math.max(...bucket)),
  };
}

/** Curves of a run that learns, up to a step. */
export function mockSeries(stage: string, until: number, from: number, to: number): Series {
  const first = Math.max(from, 1);
  const last = Math.min(to, until);
  const size = Math.max(Math.ceil((last - first + 1) / POINTS), 1);
  const steps: number[] = [];
  for (let step = first; step + size - 1 <= last; step += size) steps.push(step);
  const validations: number[] = [];
  for (let step = VALIDATE_EVERY; step <= last; step += VALIDATE_EVERY)
    if (step >= first) validations.push(step);
  const keys: Record<string, Columns> = {
    loss: columns(steps, loss, size),
    gradNorm: columns(steps, (step) => 0.4 + noise(step), size),
    lr: columns(steps, () => 2e-4, size),
    imagesPerSecond: columns(steps, (step) => 80 + 8 * noise(step), size),
    heldout: columns(validations, heldout, 1),
    train: columns(validations, (step) => heldout(step) - 0.008, 1),
  };
  for (const [band, scale] of Object.entries(BANDS)) {
    const at = (step: number): number => scale * (0.7 + heldout(step));
    keys[`heldout/${band}`] = columns(validations, at, 1);
    keys[`train/${band}`] = columns(validations, (step) => at(step) * 0.965, 1);
  }
  const secondsAt = [0, 500, 1000, 2000, 3000].filter((step) => step <= until);
  return {
    stage,
    keys,
    secondsAt,
    seconds: secondsAt.map((step) => step * STEP_SECONDS),
    imagesPerStep: IMAGES_PER_STEP,
    epochImages: 14_000,
  };
}

/** One step's numbers. */
export const mockStep = (
  step: number,
): { loss: number; gradNorm: number; lr: number; imagesPerSecond: number } => ({
  loss: loss(step),
  gradNorm: 0.4 + noise(step),
  lr: 2e-4,
  imagesPerSecond: 80 + 8 * noise(step),
});
