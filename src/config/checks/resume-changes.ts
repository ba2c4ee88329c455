import type { ResolvedConfig } from "../options/train-config.ts";
import { type ConfigDifference, differencesOf } from "./config-differences.ts";
import { crossChecks } from "./cross-checks.ts";
import { expected } from "./mistakes.ts";

/** What of a run may change when it is resumed: what no step that was done depends on. */
const OF_THE_RUN = [
  "device",
  "threads",
  "whenFull",
  "sampling",
  "publish",
  "dataset.maxUnreadable",
  "dataset.grows",
  "dataset.cache",
];

/** Likewise of a stage that has a checkpoint: what only its further steps, saves and sheets depend on. */
const OF_A_STAGE = [
  "steps",
  "schedule",
  "optimizer.lr",
  "optimizer.textEncoderLr",
  "optimizer.weightDecay",
  "gradientClip",
  "gradientCheckpointing",
  "shardOptimizer",
  "precision",
  "checkpointEvery",
  "keepCheckpoints",
  "keepBest",
  "sampleEvery",
  "validateEvery",
  "spikes",
];

/** What of a stage can never change: other stages and the run folder know it by that. */
const OF_NO_STAGE = ["kind", "name"];

/** What a resumed run takes over from the options that it is given. */
export interface ResumeChanges {
  readonly changes: readonly ConfigDifference[];
  /** One sentence for each change that cannot be. */
  readonly mistakes: readonly string[];
}

const within = (place: string, fields: readonly string[]): boolean =>
  fields.some((field) => place === field || place.startsWith(`${field}.`));

/**
 * Which differences of a config from its run's own a resumed run takes over, and which it cannot. Where the run is kept does
 * not count.
 * @param done steps of the newest checkpoint of each stage; undefined where it has none
 */
export function resumeChanges(
  own: ResolvedConfig,
  given: ResolvedConfig,
  done: readonly (number | undefined)[],
): ResumeChanges {
  const changes = differencesOf({ ...own, workDir: "" }, { ...given, workDir: "" });
  const cannot = changes.filter(({ place }) => !mayChange(place, done));
  const types = cannot.flatMap(({ place }) => /^(.*\.optimizer)\.type$/s.exec(place)?.[1] ?? []);
  // The fields of another optimizer are others because it is another.
  const refused = cannot.filter(
    ({ place }) => !types.some((of) => place !== `${of}.type` && place.startsWith(`${of}.`)),
  );
  const known = new Set(crossChecks(own));
  return {
    changes,
    mistakes: [
      ...refused.map(({ place, values: [before, after] }) => {
        const value = before === undefined ? "nothing" : JSON.stringify(before);
        const what = `${value}, with which this run began and which only another run can change,`;
        return expected(what, place.split("."), after);
      }),
      ...lengths(own, given, done),
      // What is wrong with the run's own config is no longer asked of it.
      ...crossChecks(given).filter((mistake) => !known.has(mistake)),
    ],
  };
}

function mayChange(place: string, done: readonly (number | undefined)[]): boolean {
  const [, number, field] = /^stages\.(\d+)\.(.*)$/s.exec(place) ?? [];
  if (number === undefined || field === undefined) return within(place, OF_THE_RUN);
  if (done[Number(number)] === undefined)
    return Number(number) < done.length && !within(field, OF_NO_STAGE);
  return within(field, OF_A_STAGE);
}

/** A stage has at least the steps that it did, and stays as long as it was where another one began from its end. */
function* lengths(
  own: ResolvedConfig,
  given: ResolvedConfig,
  done: readonly (number | undefined)[],
): Generator<string> {
  for (const [i, stage] of own.stages.entries()) {
    const steps = given.stages[i]?.steps ?? stage.steps;
    const made = done[i] ?? 0;
    if (steps === stage.steps) continue;
    const next = own.stages.find((_, later) => later > i && done[later] !== undefined);
    if (next !== undefined) {
      const what = `${stage.steps}, since stage "${next.name}" began from where stage "${stage.name}" ended,`;
      yield expected(what, ["stages", i, "steps"], steps);
    } else if (steps < made) {
      const what = `at least the ${made} steps that stage "${stage.name}" has done`;
      yield expected(what, ["stages", i, "steps"], steps);
    }
  }
}
