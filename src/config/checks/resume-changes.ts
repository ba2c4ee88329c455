import type { ResolvedConfig } from "../options/train-config.ts";
import { type ConfigDifference, differencesOf } from "./config-differences.ts";
import { crossChecks } from "./cross-checks.ts";
import { expected } from "./mistakes.ts";

/** Run settings that may change on resume: no completed step depends on them. */
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

/** The same for a stage that has a checkpoint: only further steps, saves and sheets depend on them. */
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

/** Stage settings that can never change: other stages and the run folder identify the stage by them. */
const OF_NO_STAGE = ["kind", "name"];

/** Changes that a resumed run takes from its options. */
export interface ResumeChanges {
  readonly changes: readonly ConfigDifference[];
  /** One sentence for each change that is not allowed. */
  readonly mistakes: readonly string[];
}

const within = (place: string, fields: readonly string[]): boolean =>
  fields.some((field) => place === field || place.startsWith(`${field}.`));

/**
 * Which differences between a config and its run's own config a resumed run applies, and which it refuses. The location of the
 * run is ignored.
 * @param done steps of the newest checkpoint of each stage; undefined if it has none
 */
export function resumeChanges(
  own: ResolvedConfig,
  given: ResolvedConfig,
  done: readonly (number | undefined)[],
): ResumeChanges {
  const changes = differencesOf({ ...own, workDir: "" }, { ...given, workDir: "" });
  const cannot = changes.filter(({ place }) => !mayChange(place, done));
  const types = cannot.flatMap(({ place }) => /^(.*\.optimizer)\.type$/s.exec(place)?.[1] ?? []);
  // If the optimizer itself changed, its fields differ for that reason.
  const refused = cannot.filter(
    ({ place }) => !types.some((of) => place !== `${of}.type` && place.startsWith(`${of}.`)),
  );
  const known = new Set(crossChecks(own));
  return {
    changes,
    mistakes: [
      ...refused.map(({ place, values: [before, after] }) => {
        const value = before === undefined ? "nothing" : JSON.stringify(before);
        const what = `${value}, which this run started with and which only a new run can change,`;
        return expected(what, place.split("."), after);
      }),
      ...lengths(own, given, done),
      // Mistakes that the run's own config already has are not reported again.
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

/** A stage cannot have fewer steps than it has done, nor change its length once another stage has started from its end. */
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
      const what = `${stage.steps}, since stage "${next.name}" started from where stage "${stage.name}" ended,`;
      yield expected(what, ["stages", i, "steps"], steps);
    } else if (steps < made) {
      const what = `at least the ${made} steps that stage "${stage.name}" has done`;
      yield expected(what, ["stages", i, "steps"], steps);
    }
  }
}
