import type { ResolvedStage } from "../../config/index.ts";
import { removeLeftovers } from "../../files/leftovers.ts";
import { makeTemporaryFolder } from "../../files/make-folder.ts";
import { removeTree } from "../../files/remove.ts";
import { type Device, deviceMemory } from "../../torch/index.ts";
import { openCheckpoint, saveCheckpointInPlace } from "../checkpoints/checkpoint.ts";
import { type StageTask, unprefixed } from "../contract/stage-task.ts";
import { StageLoop } from "../loop/stage-loop.ts";
import { memoryOf } from "../models/available-memory.ts";
import type { StageFootprint } from "../models/stage-footprint.ts";
import { formatBytes, formatDuration } from "../progress/quantities.ts";
import { validationSeconds } from "./validation-time.ts";

/** Stages whose models have more weights are rehearsed by default: a failure there costs hours. */
const LARGE_WEIGHTS = 200e6;

/** Names of the stages worth a rehearsal; small models fail, if at all, within seconds anyway. */
export const largeStages = (shapes: ReadonlyMap<ResolvedStage, StageFootprint>): Set<string> =>
  new Set(
    [...shapes].flatMap(([{ name }, { model, memory }]) =>
      Math.max(model, memory.models / 4) > LARGE_WEIGHTS ? [name] : [],
    ),
  );

/** Measurements of a rehearsal. */
export interface Rehearsal {
  readonly stepSeconds: number;
  readonly sampleSeconds: number;
  readonly saveSeconds: number;
  /** Peak device memory of the process so far, encoding included; on the CPU, the peak resident memory. */
  readonly peakBytes: number;
  readonly availableBytes: number;
}

/** Hidden folder inside the run folder for what a rehearsal saves; removed afterwards. */
const PLACE = "rehearsal";

/**
 * Whether a rehearsal of this run was interrupted, in which case the process was probably killed for memory. Removes its remains;
 * for the process that holds the run's lock.
 */
export async function clearRehearsal(run: string): Promise<boolean> {
  const left = await removeLeftovers(run, (name) => name === PLACE);
  return left.length > 0;
}

/**
 * Saves, draws a sample and does one step of a stage that has not started, at its real sizes. The weights are restored to the
 * last bit from what was saved; the optimizer and averages belong to the rehearsal. Throws DiskFullError, and any error of a
 * step. An aborted signal ends it early, without measurements.
 */
export async function rehearse(
  run: string,
  seed: number,
  stage: ResolvedStage,
  task: StageTask,
  device: Device,
  signal?: AbortSignal,
): Promise<Rehearsal> {
  const since = (start: number): number => (performance.now() - start) / 1000;
  const place = await makeTemporaryFolder(run, PLACE);
  const loop = new StageLoop(seed, { ...stage, validationSamples: 0 }, task);
  let path: string | undefined;
  const seconds = { step: 0, sample: 0, save: 0 };
  let isDone = false;
  try {
    const saving = performance.now();
    path = await saveCheckpointInPlace(place, {
      step: 0,
      stage: stage.name,
      state: {},
      groups: loop.tensors(),
      keep: 1,
      within: run,
    });
    seconds.save = since(saving);
    let start = performance.now();
    await loop.run({
      onSample: async () => {
        // The first sample is the one before the step.
        seconds.sample ||= since(start);
        start = performance.now();
      },
      onStep: () => {
        seconds.step = since(start);
        isDone = true;
      },
      onWarning: () => {},
      onValidation: () => {},
      onCheckpoint: async () => {},
      shouldStop: () => isDone,
      ...(signal !== undefined && { signal }),
    });
    return {
      stepSeconds: seconds.step,
      sampleSeconds: seconds.sample,
      saveSeconds: seconds.save,
      peakBytes: deviceMemory(device)?.peak ?? process.resourceUsage().maxRSS * 1024,
      availableBytes: memoryOf(device, 1),
    };
  } finally {
    loop.dispose();
    if (path !== undefined) await restoreWeights(path, task);
    await removeTree(place);
  }
}

async function restoreWeights(path: string, task: StageTask): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  const weights = checkpoint.read("weights");
  for (const [prefix, model] of task.models) model.loadStateDict(unprefixed(prefix, weights));
  for (const tensor of weights.values()) tensor.dispose();
}

/**
 * Describes a rehearsal and the resulting expectations for the stage.
 * @param counts of the stage's pictures
 */
export function describeRehearsal(
  stage: ResolvedStage,
  counts: StageTask["counts"],
  { stepSeconds, sampleSeconds, saveSeconds, peakBytes, availableBytes }: Rehearsal,
): string {
  const { name, steps, sampleEvery, checkpointEvery } = stage;
  const times = (every: number | null): number => (every === null ? 0 : Math.ceil(steps / every));
  const total =
    steps * stepSeconds +
    (1 + Math.max(1, times(sampleEvery))) * sampleSeconds +
    Math.max(1, times(checkpointEvery)) * saveSeconds +
    validationSeconds(stage, counts, stepSeconds);
  const each = (seconds: number): string =>
    seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : formatDuration(seconds);
  return `Rehearsal of stage "${name}": a step took ${each(stepSeconds)}, a sample ${each(sampleSeconds)}, a save ${each(saveSeconds)}; ${formatBytes(peakBytes)} of memory at most, ${formatBytes(availableBytes)} more are available. ${steps} steps will take about ${each(total)}`;
}
