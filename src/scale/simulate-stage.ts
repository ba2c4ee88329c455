import type { Random } from "./random.ts";

/** What a stage's clock depends on; seconds. */
export interface StagePlan {
  readonly steps: number;
  readonly stepsPerCheckpoint: number;
  /** Of a step, on a GPU without a delay. */
  readonly compute: number;
  /** Of a step, after the slowest rank has come. */
  readonly exposed: number;
  /** Mean delay of a rank, as a share of `compute`. */
  readonly straggle: number;
  readonly ranks: number;
  readonly save: number;
  readonly restart: number;
  /** Mean time between two stops of the whole job. */
  readonly mtbf: number;
}

/** Where a stage's time went in one simulated run; seconds. */
export interface StageClock {
  /** Steps that were kept. */
  kept: number;
  saving: number;
  /** Work after the newest checkpoint, and saves that were not finished. */
  lost: number;
  restarting: number;
  stops: number;
  saves: number;
}

/**
 * Runs a stage: steps and a save, over and over, the last save at the stage's end. Stops come at random moments, in saves and in
 * restarts too; each costs what was done since the last save, and a restart.
 */
export function simulateStage(plan: StagePlan, random: Random): StageClock {
  const { steps, stepsPerCheckpoint, save, restart, mtbf } = plan;
  const clock: StageClock = { kept: 0, saving: 0, lost: 0, restarting: 0, stops: 0, saves: 0 };
  let untilStop = random.exponential(mtbf);
  const stop = (): void => {
    clock.stops += 1;
    untilStop = random.exponential(mtbf);
  };
  for (let done = 0; done < steps; done += stepsPerCheckpoint) {
    const count = Math.min(stepsPerCheckpoint, steps - done);
    let work = workSeconds(plan, count, random);
    while (work + save > untilStop) {
      clock.lost += untilStop;
      stop();
      while (restart > untilStop) {
        clock.restarting += untilStop;
        stop();
      }
      clock.restarting += restart;
      untilStop -= restart;
      work = workSeconds(plan, count, random);
    }
    untilStop -= work + save;
    clock.kept += work;
    clock.saving += save;
    clock.saves += 1;
  }
  return clock;
}

function workSeconds(plan: StagePlan, count: number, random: Random): number {
  const { compute, exposed, straggle, ranks } = plan;
  let seconds = count * (compute + exposed);
  if (straggle === 0) return seconds;
  for (let i = 0; i < count; i++) seconds += compute * straggle * random.largestExponential(ranks);
  return seconds;
}
