import type { StageTask } from "../contract/stage-task.ts";
import { type TimedStage, validationSeconds } from "./validation-time.ts";

/** Share of the time for steps and validations; samples, checkpoints and loading take the rest. */
const SHARE_OF_STEPS = 0.85;
/** A run has at least as many steps: fewer change almost nothing. */
export const FEWEST_STEPS = 20;
const MOST_STEPS = 100_000;

/** Most that validations may take of a run's time before they measure fewer pictures. */
const SHARE_OF_VALIDATION = 0.1;
/** Whole batches of the small models, whose batches are the largest. */
const SAMPLES_UNIT = 16;

/** Numbers of steps that people can read. */
const READABLE_STEPS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => FEWEST_STEPS + 10 * i), // up to 1000
  ...Array.from({ length: (MOST_STEPS - 1000) / 100 }, (_, i) => 1100 + 100 * i),
];

/** A stage, how long its steps take, and the number of its pictures. */
export interface MeasuredStage {
  readonly stage: TimedStage;
  readonly counts: StageTask["counts"];
  readonly stepSeconds: number;
}

/** Seconds that a stage's steps and validations take. */
const secondsOf = ({ stage, counts, stepSeconds }: MeasuredStage): number =>
  stage.steps * stepSeconds + validationSeconds(stage, counts, stepSeconds);

/** Pictures of each split that validations can measure within their share of the time: a multiple of 16, or what the stage has. */
function affordableSamples({ stage, ...measured }: MeasuredStage, minutes: number): number {
  const most = SHARE_OF_VALIDATION * 60 * minutes;
  const { counts, stepSeconds } = measured;
  const fits = (validationSamples: number): boolean =>
    validationSeconds({ ...stage, validationSamples }, counts, stepSeconds) <= most;
  let samples = stage.validationSamples;
  if (fits(samples)) return samples;
  samples -= samples % SAMPLES_UNIT;
  while (samples > 0 && !fits(samples)) samples -= SAMPLES_UNIT;
  return samples;
}

/** How long to train, and how thoroughly to validate. */
export interface TimePlan {
  readonly steps: number;
  /** Pictures of each split that a validation measures; undefined if the stage's own number fits. */
  readonly validationSamples: number | undefined;
  /** Seconds that the run takes, with samples, checkpoints and loading. */
  readonly seconds: number;
}

/**
 * Plans a run of one stage that takes no longer than its minutes, but has at least 20 steps: validations that would take more than a
 * tenth of the time measure fewer pictures, or none, and steps have what is left of their share.
 * @param stageOf the stage with a number of steps, and another number of pictures to validate on unless the user gave one
 */
export async function planTime(
  minutes: number,
  stageOf: (steps: number, validationSamples?: number) => Promise<MeasuredStage>,
): Promise<TimePlan> {
  const usual = await stageOf(FEWEST_STEPS);
  const affordable = affordableSamples(usual, minutes);
  const { stage } = await stageOf(FEWEST_STEPS, affordable);
  const isTaken = stage.validationSamples === affordable;
  const isFewer = affordable < usual.stage.validationSamples;
  const validationSamples = isFewer && isTaken ? affordable : undefined;
  const secondsAt = async (steps: number): Promise<number> =>
    secondsOf(await stageOf(steps, validationSamples));
  let [fitting, above] = [0, READABLE_STEPS.length];
  while (above - fitting > 1) {
    const middle = Math.floor((fitting + above) / 2);
    const isFitting =
      (await secondsAt(READABLE_STEPS[middle] ?? MOST_STEPS)) <= SHARE_OF_STEPS * 60 * minutes;
    if (isFitting) fitting = middle;
    else above = middle;
  }
  const steps = READABLE_STEPS[fitting] ?? FEWEST_STEPS;
  return { steps, validationSamples, seconds: (await secondsAt(steps)) / SHARE_OF_STEPS };
}
