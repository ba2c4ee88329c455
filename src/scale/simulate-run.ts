import { InvalidValueError } from "../errors/index.ts";
import { dalyInterval, expectedSeconds, youngInterval } from "./checkpointing.ts";
import { fillInputs, type ScaleInputs, type ScaleNumbers } from "./inputs.ts";
import { Random } from "./random.ts";
import type { ScaleRecipe, ScaleStage } from "./recipe.ts";
import { type StageClock, type StagePlan, simulateStage } from "./simulate-stage.ts";
import { type StepTime, stepTime } from "./step-time.ts";
import { checkpointBytes, type DatasetStorage, storageOf } from "./storage.ts";

const HOUR = 3600;
/** Average number of tries to reach a checkpoint at which a run is refused. */
const MOST_TRIES = 20;

/** Results of several simulated runs for a stage, or for all stages. Means, unless noted otherwise. */
export interface ClockReport {
  readonly wallHours: number;
  /** The 5th and the 95th percentile of the runs' wall-clock hours. */
  readonly wallRange: readonly [low: number, high: number];
  readonly keptHours: number;
  readonly savingHours: number;
  readonly lostHours: number;
  readonly restartingHours: number;
  readonly stops: number;
  /** From the closed form. */
  readonly expectedStops: number;
  /** Of all reserved GPUs: lost work and restarts. */
  readonly lostGpuHours: number;
  /** Share of the time spent on steps that were kept. */
  readonly goodput: number;
  /** The same from the closed form. */
  readonly expectedGoodput: number;
  /** Share of the reserved GPU time that a single GPU would need without waiting for others. */
  readonly efficiency: number;
}

/** One stage of a {@link ScaleReport}. */
export interface StageReport extends ClockReport {
  readonly name: string;
  readonly steps: number;
  readonly step: StepTime;
  readonly stepsPerCheckpoint: number;
  readonly checkpoints: number;
  readonly saveSeconds: number;
  readonly youngMinutes: number;
  readonly dalyMinutes: number;
}

/** Result of {@link simulateRun}. */
export interface ScaleReport {
  readonly recipe: ScaleRecipe;
  readonly inputs: ScaleInputs & ScaleNumbers;
  /** Size of one checkpoint. */
  readonly checkpointBytes: number;
  readonly stages: readonly StageReport[];
  readonly total: ClockReport;
  readonly storage: readonly DatasetStorage[];
}

/**
 * Simulates several runs of `recipe`, each determined by the seed and its number. Only arithmetic and random numbers: nothing is
 * trained, and no engine is loaded. Throws InvalidValueError for invalid inputs, and for those under which the run hardly makes
 * progress.
 */
export function simulateRun(given: ScaleRecipe, options: ScaleInputs): ScaleReport {
  const inputs = fillInputs(options, given.stages.length);
  const recipe = changedRecipe(given, inputs);
  const bytes = checkpointBytes(recipe.parameters);
  const stages = recipe.stages.map((stage, index) => simulated(stage, index, recipe, inputs));
  const clocks = Array.from({ length: inputs.runs }, (_, run) =>
    addedUp(stages.map((stage) => stage.clocks[run]).filter((clock) => clock !== undefined)),
  );
  const sum = (of: (stage: Simulated) => number): number =>
    stages.reduce((total, stage) => total + of(stage), 0);
  return {
    recipe,
    inputs,
    checkpointBytes: bytes,
    stages: stages.map(({ report }) => report),
    total: reportOf(clocks, inputs.gpus, {
      ideal: sum(({ expected }) => expected.ideal),
      kept: sum(({ expected }) => expected.kept),
      wall: sum(({ expected }) => expected.wall),
      stops: sum(({ expected }) => expected.stops),
    }),
    storage: storageOf(recipe, inputs),
  };
}

/** The recipe with the speeds and pictures of the inputs. */
function changedRecipe(recipe: ScaleRecipe, inputs: ScaleInputs): ScaleRecipe {
  const { pictures, gpuDays, imagesPerSecond } = inputs;
  const ideal = recipe.stages.reduce((sum, stage) => sum + idealSeconds(stage), 0);
  const faster = gpuDays === undefined ? 1 : ideal / (gpuDays * 24 * HOUR);
  const speedSource =
    imagesPerSecond !== undefined
      ? "given"
      : gpuDays !== undefined
        ? `${recipe.speedSource}; scaled to ${gpuDays} GPU days in all`
        : recipe.speedSource;
  const stages = recipe.stages.map((stage, i) => ({
    ...stage,
    pictures: (stage.captioned ? pictures : undefined) ?? stage.pictures,
    imagesPerSecond: imagesPerSecond?.[i] ?? stage.imagesPerSecond * faster,
  }));
  return { ...recipe, speedSource, stages };
}

/** For one GPU that does not wait for others. */
const idealSeconds = ({ steps, batchSize, imagesPerSecond }: ScaleStage): number =>
  (steps * batchSize) / imagesPerSecond;

/** From the closed form, in seconds; `ideal` is that of one GPU. */
interface Expected {
  readonly ideal: number;
  readonly kept: number;
  readonly wall: number;
  readonly stops: number;
}

interface Simulated {
  readonly report: StageReport;
  readonly clocks: readonly StageClock[];
  readonly expected: Expected;
}

function simulated(
  stage: ScaleStage,
  index: number,
  recipe: ScaleRecipe,
  inputs: ScaleInputs & ScaleNumbers,
): Simulated {
  const step = stepTime(stage, recipe.parameters, inputs);
  const { steps } = stage;
  const every = Math.round((inputs.checkpointMinutes * 60) / step.total);
  const plan: StagePlan = {
    steps,
    stepsPerCheckpoint: Math.min(steps, Math.max(1, every)),
    compute: step.compute,
    exposed: step.exposed,
    straggle: inputs.straggle,
    ranks: step.ranks,
    save: checkpointBytes(recipe.parameters) / (inputs.writeGigabytes * 1e9),
    restart: inputs.restartMinutes * 60,
    mtbf: (inputs.mtbfHours * HOUR) / step.ranks,
  };
  requireProgress(stage.name, plan, step.total);
  const clocks = Array.from({ length: inputs.runs }, (_, run) =>
    simulateStage(plan, Random.of(inputs.seed, run, index)),
  );
  const wall = expectedWall(plan, step.total);
  const expected: Expected = {
    ideal: idealSeconds(stage),
    kept: steps * step.total,
    wall,
    stops: wall / plan.mtbf,
  };
  const report: StageReport = {
    ...reportOf(clocks, inputs.gpus, expected),
    name: stage.name,
    steps,
    step,
    stepsPerCheckpoint: plan.stepsPerCheckpoint,
    checkpoints: Math.ceil(steps / plan.stepsPerCheckpoint),
    saveSeconds: plan.save,
    youngMinutes: youngInterval(plan.save, plan.mtbf) / 60,
    dalyMinutes: dalyInterval(plan.save, plan.mtbf) / 60,
  };
  return { report, clocks, expected };
}

function requireProgress(name: string, plan: StagePlan, step: number): void {
  const { stepsPerCheckpoint, save, restart, mtbf, ranks } = plan;
  const seconds = stepsPerCheckpoint * step + save;
  if (Math.exp((seconds + restart) / mtbf) <= MOST_TRIES) return;
  const minutes = (s: number): string => (s / 60).toPrecision(3);
  throw new InvalidValueError(
    `Stage "${name}" would make hardly any progress: ${ranks} GPUs stop every ${minutes(mtbf)} minutes on average, a checkpoint takes ${minutes(seconds)} to reach and a restart ${minutes(restart)}. Lower checkpointMinutes (Daly's optimum is ${minutes(dalyInterval(save, mtbf))}) or restartMinutes, or raise mtbfHours`,
  );
}

function expectedWall(plan: StagePlan, step: number): number {
  const { steps, stepsPerCheckpoint, save, restart, mtbf } = plan;
  const rest = steps % stepsPerCheckpoint;
  const one = (count: number): number => expectedSeconds(count * step + save, restart, mtbf);
  return Math.floor(steps / stepsPerCheckpoint) * one(stepsPerCheckpoint) + (rest && one(rest));
}

const wallOf = ({ kept, saving, lost, restarting }: StageClock): number =>
  kept + saving + lost + restarting;

function addedUp(clocks: readonly StageClock[]): StageClock {
  const of = (part: keyof StageClock): number => clocks.reduce((sum, c) => sum + c[part], 0);
  return {
    kept: of("kept"),
    saving: of("saving"),
    lost: of("lost"),
    restarting: of("restarting"),
    stops: of("stops"),
    saves: of("saves"),
  };
}

function reportOf(clocks: readonly StageClock[], gpus: number, expected: Expected): ClockReport {
  const all = addedUp(clocks);
  const wall = wallOf(all);
  const hours = (seconds: number): number => seconds / clocks.length / HOUR;
  const sorted = clocks.map(wallOf).sort((a, b) => a - b);
  const percentile = (p: number): number =>
    (sorted[Math.round(p * (sorted.length - 1))] ?? 0) / HOUR;
  return {
    wallHours: hours(wall),
    wallRange: [percentile(0.05), percentile(0.95)],
    keptHours: hours(all.kept),
    savingHours: hours(all.saving),
    lostHours: hours(all.lost),
    restartingHours: hours(all.restarting),
    stops: all.stops / clocks.length,
    expectedStops: expected.stops,
    lostGpuHours: hours(all.lost + all.restarting) * gpus,
    goodput: all.kept / wall,
    expectedGoodput: expected.kept / expected.wall,
    efficiency: expected.ideal / (gpus * (wall / clocks.length)),
  };
}
