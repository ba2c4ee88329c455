import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig, ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { contactSheet } from "../images/index.ts";
import { prepareCaption, T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { aspectPlan, describePlan, settleForData } from "./aspect-plan.ts";
import { cacheFolder, planRun } from "./before-run.ts";
import {
  type Checkpoint,
  cleanLeftovers,
  DiskFullError,
  forecastBytes,
  latestCheckpoint,
  requireDiskSpace,
  saveCheckpointInPlace,
} from "./checkpoint.ts";
import { drawClassPictures } from "./class-pictures.ts";
import { pretrainedTokenizer } from "./models.ts";
import { writePictureLosses } from "./picture-losses-file.ts";
import { type CurriculumContext, prepareStage } from "./prepare-stage.ts";
import { ProgressLine } from "./progress.ts";
import { clearRehearsal, describeRehearsal, largeStages, rehearse } from "./rehearsal.ts";
import { RunFolder } from "./run-folder.ts";
import { StopRequest } from "./signals.ts";
import {
  type Rollback,
  type StageListener,
  StageLoop,
  type StageState,
  type StepReport,
} from "./stage-loop.ts";
import { StageModels, stageCheckpoints } from "./stage-models.ts";
import { TensorBoardWriter } from "./tensorboard.ts";
import { loadTrainingData, type TrainingData } from "./training-data.ts";

/** Between two attempts to save on a full disk. */
const WAIT_MS = 30_000;

/** What {@link train} may be told. */
export interface TrainOptions {
  /** Goes on with the run of the folder instead of beginning one. */
  readonly resume: boolean;
  /** The command that resumes this run, for its README and messages. */
  readonly resumeCommand: string;
  /** Lines for people. */
  readonly say: (line: string) => void;
  /**
   * Whether stages are rehearsed before they begin, and runs refused that cannot fit: by their size unless given. False does
   * neither.
   */
  readonly rehearsal?: boolean | undefined;
  /** Called after each step. */
  readonly onStep?: (place: { readonly stage: string; readonly step: number }) => void;
}

/** How a call of {@link train} ended. */
export interface TrainOutcome {
  readonly folder: string;
  readonly finished: boolean;
  /** What the process should exit with: 0, or how a signal asked it to stop. */
  readonly exitCode: number;
}

/** Trains the stages of a config one after the other in its run folder. Returns early where a signal asked for it. */
export async function train(config: CheckedConfig, options: TrainOptions): Promise<TrainOutcome> {
  const { resume, resumeCommand, say } = options;
  const begun = resume ? await goOn(config, say) : await begin(config, options);
  using run = begun.run;
  using stop = new StopRequest(say);
  if (run.config.threads !== null) torch.setThreads(run.config.threads);
  const session = new TrainSession(begun, stop, options);
  try {
    const finished = await session.run();
    if (!finished) say(`Stopped. To go on: ${resumeCommand}`);
    return { folder: run.path, finished, exitCode: finished ? 0 : (stop.exitCode ?? 0) };
  } catch (error) {
    session.end("failed", error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** A run folder, held by this process, and what it learns from. */
interface BegunRun {
  readonly run: RunFolder;
  readonly data: TrainingData;
  /** Names of the stages that are rehearsed unless told otherwise. */
  readonly large: ReadonlySet<string>;
}

async function begin(
  config: CheckedConfig,
  { resumeCommand, say, rehearsal }: TrainOptions,
): Promise<BegunRun> {
  await drawClassPictures(config, say);
  const data = await loadTrainingData(config.dataset);
  const settled = await settleForData(config, data);
  const folder = config.workDir;
  RunFolder.requireNew(folder, resumeCommand);
  const strict = rehearsal !== false;
  const { shapes } = await planRun({ config: settled, data, folder, done: 0, strict, say });
  const large = largeStages(shapes);
  return { run: RunFolder.create(folder, settled, resumeCommand), data, large };
}

async function goOn(config: CheckedConfig, say: TrainOptions["say"]): Promise<BegunRun> {
  const run = RunFolder.open(config.workDir);
  try {
    await drawClassPictures(run.config, say);
    const data = await loadTrainingData(run.config.dataset);
    const { workDir } = run.config;
    if (!isDeepStrictEqual(run.config, { ...(await settleForData(config, data)), workDir })) {
      say(
        `The config has changed since this run began; it goes on with its own, ${join(run.path, "config.json")}`,
      );
    }
    return { run, data, large: new Set() };
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}

interface StageOutputs {
  readonly progress: ProgressLine;
  readonly board: TensorBoardWriter;
}

/** One process's part of a run. */
class TrainSession {
  readonly #run: RunFolder;
  readonly #config: ResolvedConfig;
  readonly #data: TrainingData;
  readonly #stop: StopRequest;
  readonly #options: TrainOptions;
  #large: ReadonlySet<string>;
  #place: { stage: string; step: number };

  constructor({ run, data, large }: BegunRun, stop: StopRequest, options: TrainOptions) {
    this.#run = run;
    this.#data = data;
    this.#large = large;
    this.#config = run.config;
    this.#stop = stop;
    this.#options = options;
    this.#place = { stage: run.config.stages[0]?.name ?? "", step: 0 };
  }

  /** True when all stages are complete. */
  async run(): Promise<boolean> {
    const { say, resume } = this.#options;
    const data = this.#data;
    this.#reportData(data);
    const models = new StageModels(this.#config, this.#run.checkpoints);
    const context: CurriculumContext = {
      config: this.#config,
      data,
      models,
      tokenizer: await this.#tokenizer(data),
      cache: cacheFolder(this.#config, this.#run.path),
      onWarning: (message) => this.#warn(message),
      say,
    };
    if (!resume) this.#run.append({ type: "run-start", name: this.#config.name });
    const latest = await Promise.all(
      this.#config.stages.map(async (stage) => {
        await cleanLeftovers(stageCheckpoints(this.#run.checkpoints, stage.name));
        return models.latest(stage);
      }),
    );
    const isComplete = (stage: ResolvedStage, i: number): boolean =>
      latest[i]?.step === stage.steps;
    const first = this.#config.stages.findIndex((stage, i) => !isComplete(stage, i));
    if (first < 0) {
      say(`All stages of ${this.#run.path} are complete already`);
      return true;
    }
    if (resume) {
      const stage = this.#config.stages[first];
      this.#place = { stage: stage?.name ?? "", step: latest[first]?.step ?? 0 };
      this.#run.append({ type: "resume", ...this.#place });
      say(`Going on with stage "${this.#place.stage}" after step ${this.#place.step}`);
      await this.#planRest(latest.reduce((sum, checkpoint) => sum + (checkpoint?.step ?? 0), 0));
    }
    for (const stage of this.#config.stages.slice(first)) {
      if (!(await this.#stage(context, stage))) {
        this.end("stopped", this.#stop.requested ?? null);
        return false;
      }
    }
    this.end("finished", null);
    return true;
  }

  async #planRest(done: number): Promise<void> {
    const { say, rehearsal } = this.#options;
    if (await clearRehearsal(this.#run.path)) {
      this.#warn(
        "The process before this one ended during its rehearsal, probably killed because memory was full. Lower batchSize, set gradientCheckpointing, take precision bfloat16 or train an adapter",
      );
    }
    const strict = rehearsal !== false;
    const folder = this.#run.path;
    const { shapes } = await planRun({
      config: this.#config,
      data: this.#data,
      folder,
      done,
      strict,
      say,
    });
    this.#large = largeStages(shapes);
  }

  #reportData(data: TrainingData): void {
    const { dataset, train, heldout } = data;
    const { location, layout, images, captioned, missingCaption, unreadable, leftOut } = dataset;
    this.#options.say(
      `Data: ${location} (${layout}): ${images} pictures, ${captioned} with captions; ${train.length} to train on, ${heldout.length} held out`,
    );
    if (missingCaption.length > 0) {
      this.#warn(
        `${missingCaption.length} pictures have no caption and are left out: ${missingCaption.slice(0, 5).join(", ")}`,
      );
    }
    for (const { path, reason } of [...unreadable, ...leftOut])
      this.#warn(`${path} is left out: ${reason}`);
  }

  /** The pretrained tokenizer, or one made from all captions and kept in the run folder. */
  async #tokenizer(data: TrainingData): Promise<T5Tokenizer> {
    const { tokenizer } = this.#config;
    if ("pretrained" in tokenizer) return pretrainedTokenizer(tokenizer);
    const folder = join(this.#run.path, "tokenizer");
    if (existsSync(join(folder, "tokenizer_config.json")))
      return T5Tokenizer.fromPretrained(folder);
    const captions = data.train
      .flatMap((e) => [e.shortCaption, e.denseCaption])
      .map(prepareCaption);
    const made = T5Tokenizer.fromCaptions(captions, { vocabSize: tokenizer.vocabSize });
    await made.savePretrained(folder);
    return made;
  }

  async #stage(context: CurriculumContext, stage: ResolvedStage): Promise<boolean> {
    const { say } = this.#options;
    const task = await prepareStage(context, stage);
    const checkpoint = await context.models.latest(stage);
    if (checkpoint === undefined && (this.#options.rehearsal ?? this.#large.has(stage.name))) {
      say(`Rehearsal of stage "${stage.name}": a save, a sample and a step, which leave no trace`);
      const taken = await rehearse(this.#run.path, this.#config.seed, stage, task);
      say(describeRehearsal(stage, taken));
    }
    const loop = new StageLoop(this.#config.seed, stage, task);
    if (checkpoint !== undefined) loop.restore(readState(checkpoint));
    await this.#requireRoom(stage, loop.tensors());
    this.#place = { stage: stage.name, step: loop.step };
    const trained = task.groups.reduce(
      (sum, { parameters }) => sum + [...parameters.values()].reduce((n, p) => n + p.numel, 0),
      0,
    );
    say(
      `Stage "${stage.name}": ${stage.resolution} px, ${task.counts.train} pictures, ${(trained / 1e6).toFixed(2)} M weights, batch ${stage.batchSize * stage.gradientAccumulation}, ${stage.steps} steps`,
    );
    const plan = await aspectPlan(stage, this.#data);
    for (const line of plan === undefined ? [] : describePlan(stage, plan)) say(line);
    if (loop.step === 0)
      this.#run.append({ type: "stage-start", ...this.#place, steps: stage.steps });
    // TensorBoard counts steps a folder.
    using board = new TensorBoardWriter(join(this.#run.tensorboard, stage.name), checkpoint?.step);
    using progress = new ProgressLine({
      stage: stage.name,
      steps: stage.steps,
      firstStep: loop.step,
    });
    try {
      const finished = await loop.run(this.#listener(stage, { progress, board }));
      if (finished) this.#run.append({ type: "stage-end", ...this.#place });
      return finished;
    } finally {
      loop.dispose();
      task.dispose();
    }
  }

  /** Refuses to begin what the disk has no room for: the checkpoints that stay, and the one being written. */
  async #requireRoom(stage: ResolvedStage, groups: StageState["groups"]): Promise<void> {
    const specs = new Map(
      [...groups].map(([stem, tensors]) => [
        stem,
        new Map([...tensors].map(([key, { dtype, shape }]) => [key, { dtype, shape }])),
      ]),
    );
    const keepsBest = stage.keepBest && stage.validateEvery !== null;
    const bytes = forecastBytes(specs, {}) * (stage.keepCheckpoints + (keepsBest ? 2 : 1));
    try {
      await requireDiskSpace(this.#run.checkpoints, bytes);
    } catch (error) {
      if (!(error instanceof DiskFullError) || this.#config.whenFull === "stop") throw error;
      this.#warn(error.message);
    }
  }

  #listener(stage: ResolvedStage, { progress, board }: StageOutputs): StageListener {
    return {
      onStep: (report) => this.#onStep(stage, report, { progress, board }),
      onWarning: (message) => this.#warn(message),
      onSample: async (step, { images, labels }) => {
        const columns = Math.ceil(Math.sqrt(images.length));
        const sheet = await contactSheet(images, { columns, labels, cell: 128 });
        const path = join(this.#run.samples, `${stage.name}-${String(step).padStart(8, "0")}.png`);
        await sheet.save(path);
        board.image("samples", step, await sheet.encodePng(), sheet);
        this.#run.append({
          type: "sample",
          ...this.#place,
          step,
          file: relative(this.#run.path, path),
        });
      },
      onValidation: (step, losses) => {
        const measured = Object.entries(losses);
        this.#run.append({
          type: "validation",
          ...this.#place,
          step,
          losses: Object.fromEntries(measured.map(([split, { loss }]) => [split, loss])),
          bands: Object.fromEntries(measured.map(([split, { bands }]) => [split, bands])),
        });
        for (const [split, { loss, bands }] of measured) {
          board.scalar(`loss-${split}`, step, loss);
          for (const [band, own] of Object.entries(bands))
            board.scalar(`loss-${split}/${band}`, step, own);
        }
      },
      onCheckpoint: (state, best) => this.#save(stage, state, best),
      onPictureLosses: (step, since, pictures) =>
        writePictureLosses(this.#run.path, { stage: stage.name, step, since, pictures }),
      onRollback: (rollback) => this.#onRollback(rollback, board),
      newestState: async () => {
        const root = stageCheckpoints(this.#run.checkpoints, stage.name);
        const checkpoint = await latestCheckpoint(root, (message) => this.#warn(message));
        if (checkpoint === undefined) throw new Error(`The checkpoints are gone from ${root}`);
        return readState(checkpoint);
      },
      shouldStop: () => this.#stop.requested !== undefined,
    };
  }

  #onStep(stage: ResolvedStage, report: StepReport, { progress, board }: StageOutputs): void {
    const { step, loss, parts, gradNorm, lr, images, seconds } = report;
    const total = Object.values(seconds).reduce((sum, s) => sum + s, 0);
    const imagesPerSecond = images / total;
    this.#place = { stage: stage.name, step };
    this.#run.append({
      type: "step",
      ...this.#place,
      loss,
      lossParts: parts,
      gradNorm,
      lr,
      imagesPerSecond,
      seconds,
    });
    board.scalar("loss", step, loss);
    board.scalar("lr", step, lr);
    board.scalar("grad-norm", step, gradNorm);
    progress.update({ step, loss, imagesPerSecond });
    this.#options.onStep?.(this.#place);
  }

  #onRollback(rollback: Rollback, board: TensorBoardWriter): void {
    const { step, spikeStep, loss, ratio, skipped, pictures } = rollback;
    this.#options.say(
      `Warning: Step ${spikeStep}: loss ${loss.toPrecision(4)}, ${ratio.toPrecision(3)} times the usual. Going on after step ${step} without batches ${skipped[0]} to ${skipped[1] - 1}. Its pictures: ${pictures.join(", ")}`,
    );
    this.#place = { ...this.#place, step };
    this.#run.append({ type: "rollback", ...this.#place, ...rollback });
    board.goBack(step);
  }

  async #save(
    stage: ResolvedStage,
    { step, groups, state }: StageState,
    best: number | undefined,
  ): Promise<void> {
    const root = stageCheckpoints(this.#run.checkpoints, stage.name);
    const { whenFull } = this.#config;
    const folder = await saveCheckpointInPlace(root, {
      step,
      stage: stage.name,
      state,
      groups,
      keep: stage.keepCheckpoints,
      best,
      whenFull: whenFull === "wait" ? { waitMs: WAIT_MS } : whenFull,
      signal: this.#stop.signal,
      warn: (message) => this.#warn(message),
    });
    this.#run.append({
      type: "checkpoint",
      ...this.#place,
      step,
      folder: relative(this.#run.path, folder),
    });
  }

  #warn(message: string): void {
    this.#options.say(`Warning: ${message}`);
    this.#run.append({ type: "warning", ...this.#place, message });
  }

  end(reason: "finished" | "stopped" | "failed", message: string | null): void {
    this.#run.append({ type: "run-end", ...this.#place, reason, message });
  }
}

const readState = (checkpoint: Checkpoint): StageState => ({
  step: checkpoint.step,
  groups: new Map(checkpoint.groups.map((group) => [group, checkpoint.read(group)])),
  state: checkpoint.state as StageState["state"],
});
