import { describe, expect, it } from "vitest";
import { expectedSeconds } from "./checkpointing.ts";
import { Random } from "./random.ts";
import { type StageClock, type StagePlan, simulateStage } from "./simulate-stage.ts";

const MINUTE = 60;
const HOUR = 3600;

/** 500 h of work, a save of 5 minutes and a restart of 10: the setting of Daly's figures 3 to 5. */
const plan: StagePlan = {
  steps: 30_000,
  stepsPerCheckpoint: 57,
  compute: 50,
  exposed: 10,
  straggle: 0,
  ranks: 64,
  save: 5 * MINUTE,
  restart: 10 * MINUTE,
  mtbf: 6 * HOUR,
};

const wall = ({ kept, saving, lost, restarting }: StageClock): number =>
  kept + saving + lost + restarting;

const walls = (changes: Partial<StagePlan>, runs: number): number[] =>
  Array.from({ length: runs }, (_, i) =>
    wall(simulateStage({ ...plan, ...changes }, Random.of(3, i))),
  );

function meanAndError(values: readonly number[]): [mean: number, error: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return [mean, Math.sqrt(variance / values.length)];
}

/** Daly's closed form, segment by segment. */
function expectedWall({ steps, stepsPerCheckpoint, save, restart, mtbf }: StagePlan): number {
  let sum = 0;
  for (let done = 0; done < steps; done += stepsPerCheckpoint) {
    const count = Math.min(stepsPerCheckpoint, steps - done);
    sum += expectedSeconds(count * 60 + save, restart, mtbf);
  }
  return sum;
}

describe("simulateStage()", () => {
  it.each([
    ["24 h", { mtbf: 24 * HOUR, stepsPerCheckpoint: 117 }],
    ["6 h", {}],
    ["15 min: most saves and restarts are stopped", { mtbf: 15 * MINUTE, stepsPerCheckpoint: 9 }],
    ["6 h, with a checkpoint every 5 h", { stepsPerCheckpoint: 300 }],
  ])("takes as long as Daly's closed form says where the job stops every %s", (_, changes) => {
    const [mean, error] = meanAndError(walls(changes, 200));
    expect(Math.abs(mean - expectedWall({ ...plan, ...changes }))).toBeLessThan(4 * error);
    // Were it 2 % off, this test would see it.
    expect(4 * error).toBeLessThan(0.02 * mean);
  });

  it("gets most done near Daly's optimum", () => {
    const mean = (stepsPerCheckpoint: number): number =>
      meanAndError(walls({ stepsPerCheckpoint }, 200))[0];
    expect(mean(57)).toBeLessThan(mean(20));
    expect(mean(57)).toBeLessThan(mean(170));
  });

  it("is a function of the seed", () => {
    const once = (seed: number): StageClock =>
      simulateStage({ ...plan, straggle: 0.05 }, Random.of(seed));
    expect(once(1)).toEqual(once(1));
    expect(once(1)).not.toEqual(once(2));
  });

  it("keeps every step once and saves at the end, without stops in just that time", () => {
    const clock = simulateStage({ ...plan, mtbf: 1e15 }, Random.of(1));
    expect(clock).toEqual({
      kept: 30_000 * 60,
      saving: 527 * 300,
      lost: 0,
      restarting: 0,
      stops: 0,
      saves: 527,
    });
    expect(simulateStage(plan, Random.of(1))).toMatchObject({ kept: 30_000 * 60, saves: 527 });
  });

  it("waits for the slowest of many ranks in every step, but not in the all-reduce", () => {
    const changes = { mtbf: 1e15, straggle: 0.1, ranks: 4 };
    const { kept } = simulateStage({ ...plan, ...changes }, Random.of(5));
    // 25/12 is the mean of the largest of four exponential delays, √205/12 its deviation.
    const error = 50 * 0.1 * (Math.sqrt(205) / 12) * Math.sqrt(30_000);
    expect(Math.abs(kept - 30_000 * (60 + (50 * 0.1 * 25) / 12))).toBeLessThan(4 * error);
  });
});
