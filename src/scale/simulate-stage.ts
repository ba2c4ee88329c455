import type { Random } from "./random.ts";

/** What a stage's duration depends on, in seconds. */
export interface StagePlan {
  readonly steps: number;
  readonly stepsPerCheckpoint: number;
  /** Per step, on a GPU without a delay. */
  readonly compute: number;
  /** Per step, after the slowest rank has arrived. */
  readonly exposed: number;
  /** Mean delay of a rank, as a share of `compute`. */
  readonly straggle: number;
  readonly ranks: number;
  readonly save: number;
  readonly restart: number;
  /** Mean time between two stops of the whole job. */
  readonly mtbf: number;
}

/** How a stage's time was spent in one simulated run, in seconds. */
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
 * Simulates a stage: steps and a save, repeatedly, with the last save at the stage's end. Stops occur at random times, including
 * in saves and restarts; each costs the work since the last save, and a restart.
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
