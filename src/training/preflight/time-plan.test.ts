import { describe, expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { type MeasuredStage, planTime } from "./time-plan.ts";

const COUNTS = { train: 100, heldout: 5 };

/** A stage that validates, saves and draws five times, as those of a goal do. */
const measured =
  (batchSize: number, stepSeconds: number, counts = COUNTS, own = {}) =>
  async (steps: number, validationSamples = 256): Promise<MeasuredStage> => {
    const every = Math.ceil(steps / 5);
    const intervals = { steps, checkpointEvery: every, validateEvery: every };
    return {
      stage: lineStage({ batchSize, validationSamples, ...intervals, ...own }),
      counts,
      stepSeconds,
    };
  };

describe("a plan of the time", () => {
  it("is filled with steps where validations take little of it", async () => {
    // 60 min × 0.85 = 3060 s; 5 validations of 2 × 16 batches, half a step each, are 80 s.
    expect(await planTime(60, measured(16, 1))).toEqual({
      steps: 2900,
      validationSamples: undefined,
      seconds: (2900 + 80) / 0.85,
    });
  });

  it("validates on as many pictures as take a tenth of it", async () => {
    // 360 s are 144 half steps of 5 s, divided by 5 validations of 2 splits: 14 of batch 4, so 56 pictures.
    const plan = await planTime(60, measured(4, 5));
    expect(plan.validationSamples).toBe(48);
    // 3060 s less 5 × 2 × 12 × 2.5 s.
    expect(plan.steps).toBe(550);
    // Without held-out pictures there is time for twice as many.
    expect((await planTime(60, measured(4, 5, { train: 10, heldout: 0 }))).validationSamples).toBe(
      112,
    );
  });

  it("doesn't validate where a tenth of it is too little for 16 pictures", async () => {
    expect(await planTime(60, measured(1, 9.5))).toMatchObject({
      validationSamples: 0,
      steps: 320,
    });
  });

  it("takes fewer steps where the user says how many pictures to validate on", async () => {
    expect(await planTime(60, measured(1, 1, COUNTS, { validationSamples: 256 }))).toMatchObject({
      validationSamples: undefined,
      // 3060 s less 5 × 2 × 256 × 0.5 s.
      steps: 1700,
    });
  });

  it("has 20 steps at least", async () => {
    expect((await planTime(1, measured(1, 60))).steps).toBe(20);
  });
});
