import type { ResolvedStage } from "../config/index.ts";
import { DiskFullError } from "../files/write-error.ts";
import { disposable } from "../pipelines/checks/disposable.ts";
import * as torch from "../torch/index.ts";
import type { RunMark } from "./contract/run-mark.ts";
import type { StageTask } from "./contract/stage-task.ts";
import { aspectPlan, describePlan } from "./dataset/aspect-plan.ts";
import { FollowingListener } from "./loop/following-listener.ts";
import { type RecorderOptions, RunLogger, stateOf } from "./loop/run-logger.ts";
import type { StopRequest } from "./loop/signals.ts";
import { StageLoop } from "./loop/stage-loop.ts";
import { requireSameWeights } from "./models/same-weights.ts";
import { type CheckpointTensors, requireCheckpointRoom } from "./preflight/checkpoint-room.ts";
import { describeRehearsal, rehearse } from "./preflight/rehearsal.ts";
import { type CurriculumContext, prepareStage } from "./prepare-stage.ts";
import type { RunJournal } from "./run-folder/run-journal.ts";

/** What the stages of a run are trained with. */
export interface StageTraining {
  readonly context: CurriculumContext;
  readonly journal: RunJournal;
  readonly stop: StopRequest;
  /** The device this process computes on. */
  readonly device: torch.Device;
  /** Whether to rehearse a stage that is about to start. Called in the first process. */
  readonly isRehearsed: (stage: ResolvedStage) => boolean;
  /**
   * The run mark for checkpoints, in the process that saves them. All processes call it together, once the pictures have been
   * read.
   */
  readonly mark: () => Promise<RunMark | undefined>;
  /** New keys of pictures by their keys in the checkpoint that the run resumes from. */
  readonly renamed: ReadonlyMap<string, string>;
  readonly onStep: RecorderOptions["onStep"];
}

/** Trains a stage from its newest checkpoint, or from the start. False if a signal to any of the processes ended it. */
export async function trainStage(training: StageTraining, stage: ResolvedStage): Promise<boolean> {
  const { context, journal, stop, device, onStep } = training;
  const { world, say } = context;
  const { seed, processes } = context.config;
  const isToStop = (): boolean => world.any(stop.requested !== undefined);
  if (isToStop()) return false;
  using prepared = disposable(await prepareStage(context, stage), (each) => each.dispose());
  const task = prepared.value;
  const checkpoint = await context.models.latest(stage);
  // Now, because preparing has read the pictures: hardly any need reading again.
  const mark = await training.mark();
  await world.first(async () => {
    if (checkpoint === undefined && training.isRehearsed(stage))
      await rehearseStage(training, stage, task);
  });
  if (isToStop()) return false;
  torch.releaseMemory(); // held by the encoders and the rehearsal
  using running = disposable(new StageLoop(seed, stage, task, { world, processes }), (each) =>
    each.dispose(),
  );
  const loop = running.value;
  if (checkpoint !== undefined) loop.restore(stateOf(checkpoint), training.renamed);
  requireSameWeights(world, task);
  const tensors = loop.tensors();
  await world.first(() => askForRoom(training, stage, tensors));
  journal.place = { stage: stage.name, step: loop.step };
  say?.(describeStage(stage, task, processes));
  const plan = await aspectPlan(stage, context.data);
  for (const line of plan === undefined ? [] : describePlan(stage, plan)) say?.(line);
  if (loop.step === 0)
    journal.append({ type: "stage-start", ...journal.place, steps: stage.steps });
  const options = { journal, stop, onStep };
  using listener =
    mark === undefined
      ? new FollowingListener(stage, options)
      : new RunLogger(stage, { ...options, device, firstStep: checkpoint?.step, mark });
  const finished = await loop.run(listener);
  if (finished) journal.append({ type: "stage-end", ...journal.place });
  return finished;
}

async function rehearseStage(
  { context, journal, stop: { signal }, device }: StageTraining,
  stage: ResolvedStage,
  task: StageTask,
): Promise<void> {
  const { say } = context;
  if (signal.aborted) return;
  journal.place = { stage: stage.name, step: 0 };
  journal.doing("rehearsal");
  say?.(`Rehearsal of stage "${stage.name}": a save, a sample and a step, which leave no trace`);
  const taken = await rehearse(journal.run.path, context.config.seed, stage, task, device, signal);
  if (!signal.aborted) say?.(describeRehearsal(stage, task.counts, taken));
}

/** A run that waits for room or frees some may start without it. */
async function askForRoom(
  { context, journal }: StageTraining,
  stage: ResolvedStage,
  tensors: CheckpointTensors,
): Promise<void> {
  try {
    await requireCheckpointRoom(journal.run.checkpoints, stage, tensors);
  } catch (error) {
    if (!(error instanceof DiskFullError) || context.config.whenFull === "stop") throw error;
    journal.warn(error.message);
  }
}

function describeStage(stage: ResolvedStage, task: StageTask, processes: number): string {
  const trained = task.groups.reduce(
    (sum, { parameters }) => sum + [...parameters.values()].reduce((n, p) => n + p.numel, 0),
    0,
  );
  return `Stage "${stage.name}": ${stage.resolution} px, ${task.counts.train} pictures, ${(trained / 1e6).toFixed(2)} M weights, batch ${stage.batchSize * stage.gradientAccumulation * processes}, ${stage.steps} steps`;
}
