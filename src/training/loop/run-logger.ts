import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { ResolvedStage } from "../../config/index.ts";
import { RunError } from "../../errors/index.ts";
import { makeBelow } from "../../files/make-below.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { contactSheet } from "../../images/index.ts";
import * as torch from "../../torch/index.ts";
import {
  type Checkpoint,
  latestCheckpoint,
  saveCheckpointInPlace,
} from "../checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import type { RunMark } from "../contract/run-mark.ts";
import type { DrawnPicture, SampleSheet } from "../contract/stage-task.ts";
import { ProgressLine } from "../progress/progress.ts";
import { ControlFolder } from "../run-folder/control.ts";
import type { MemoryUse, SampledPicture } from "../run-folder/events.ts";
import { type PictureLoss, writePictureLosses } from "../run-folder/picture-losses-file.ts";
import { sampleFolder, sheetName } from "../run-folder/run-folder.ts";
import type { RunJournal, RunPlace } from "../run-folder/run-journal.ts";
import { TensorBoardWriter } from "../run-folder/tensorboard.ts";
import type { StopRequest } from "./signals.ts";
import type { Rollback, StageListener, StageState, StepReport } from "./stage-listener.ts";

/** Interval between attempts to save on a full disk. */
const WAIT_MS = 30_000;
/** Interval between steps that log memory use. */
const MEMORY_MS = 10_000;

/** What a {@link RunLogger} writes to, and its settings. */
export interface RecorderOptions {
  readonly journal: RunJournal;
  readonly stop: StopRequest;
  /** The device this process computes on. */
  readonly device: torch.Device;
  /** Step of the checkpoint that the stage resumes from. */
  readonly firstStep: number | undefined;
  /** Run mark for the checkpoints. */
  readonly mark: RunMark;
  readonly onStep: ((place: RunPlace) => void) | undefined;
}

/** Records a stage in the run folder (events, curves, sheets, checkpoints) and shows its progress. */
export class RunLogger implements StageListener, Disposable {
  readonly #stage: ResolvedStage;
  readonly #options: RecorderOptions;
  readonly #journal: RunJournal;
  readonly #board: TensorBoardWriter;
  readonly #progress: ProgressLine;
  readonly #control: ControlFolder;
  #memoryAt = Number.NEGATIVE_INFINITY;

  constructor(stage: ResolvedStage, options: RecorderOptions) {
    const { journal, firstStep } = options;
    this.#stage = stage;
    this.#options = options;
    this.#journal = journal;
    // TensorBoard counts steps per folder.
    this.#board = new TensorBoardWriter(join(journal.run.tensorboard, stage.name), firstStep);
    const { name, steps } = stage;
    this.#control = new ControlFolder(journal.run.path);
    this.#progress = new ProgressLine({ stage: name, steps, firstStep: firstStep ?? 0 });
  }

  get #checkpoints(): string {
    return stageCheckpoints(this.#journal.run.checkpoints, this.#stage.name);
  }

  get signal(): AbortSignal {
    return this.#options.stop.signal;
  }

  shouldStop(): boolean {
    return this.#options.stop.requested !== undefined;
  }

  asked(): ReturnType<NonNullable<StageListener["asked"]>> {
    const asked = this.#control.take();
    const [save, sample] = [asked.has("save"), asked.has("sample")];
    if (asked.size > 0) this.#progress.clear();
    if (save) this.#journal.say("control/save: saving after this step");
    if (sample) this.#journal.say("control/sample: drawing samples after this step");
    if (asked.has("stop")) this.#options.stop.ask("control/stop");
    return { save, sample };
  }

  onActivity(...what: Parameters<NonNullable<StageListener["onActivity"]>>): void {
    this.#journal.doing(...what);
  }

  onWarning(message: string): void {
    this.#progress.clear();
    this.#journal.warn(message);
  }

  onStep(report: StepReport): void {
    const { step, loss, parts, bands, gradNorm, lr, images, seconds } = report;
    const memory = this.#memory();
    const total = Object.values(seconds).reduce((sum, s) => sum + s, 0);
    const imagesPerSecond = images / total;
    this.#journal.place = { stage: this.#stage.name, step };
    this.#journal.append({
      type: "step",
      ...this.#journal.place,
      loss,
      lossParts: parts,
      ...(Object.keys(bands).length > 0 && { bands }),
      gradNorm,
      lr,
      imagesPerSecond,
      seconds,
      ...(memory !== undefined && { memory }),
    });
    this.#board.scalar("loss", step, loss);
    this.#board.scalar("lr", step, lr);
    this.#board.scalar("grad-norm", step, gradNorm);
    this.#progress.update({ step, loss, imagesPerSecond });
    this.#options.onStep?.(this.#journal.place);
  }

  /** Undefined if it was logged recently. */
  #memory(): MemoryUse | undefined {
    const now = performance.now();
    if (now - this.#memoryAt < MEMORY_MS) return undefined;
    this.#memoryAt = now;
    const device = torch.deviceMemory(this.#options.device)?.peak;
    return { rss: process.memoryUsage.rss(), ...(device !== undefined && { device }) };
  }

  async onSample(step: number, { images, labels, drawn }: SampleSheet): Promise<void> {
    const { run } = this.#journal;
    const pictures = await this.#keepPictures(step, drawn);
    const columns = Math.ceil(Math.sqrt(images.length));
    const sheet = await contactSheet(images, { columns, labels, cell: 128 });
    const path = join(run.samples, sheetName(this.#stage.name, step));
    const png = await sheet.encodePng();
    run.requireHeld();
    await replaceFile(path, [png]); // does not create the folder, unlike sheet.save()
    this.#board.image("samples", step, png, sheet);
    const file = relative(run.path, path);
    this.#journal.append({ type: "sample", ...this.#journal.place, step, file, pictures });
    this.#progress.clear();
    this.#journal.say(`Samples of step ${step}: ${path}`);
  }

  /** Writes the full-size pictures. The sheet is written last: if it exists, so do they. */
  async #keepPictures(step: number, drawn: readonly DrawnPicture[]): Promise<SampledPicture[]> {
    const { run } = this.#journal;
    run.requireHeld();
    const folder = makeBelow(run.path, ...sampleFolder(this.#stage.name, step));
    const kept: SampledPicture[] = [];
    for (const [i, { image, prompt, seed }] of drawn.entries()) {
      const path = join(folder, `${i}.png`);
      await replaceFile(path, [await image.encodePng()]);
      kept.push({ file: relative(run.path, path), prompt, seed });
    }
    return kept;
  }

  lacksSample(step: number): boolean {
    return !existsSync(join(this.#journal.run.samples, sheetName(this.#stage.name, step)));
  }

  onValidation(step: number, losses: Parameters<StageListener["onValidation"]>[1]): void {
    const measured = Object.entries(losses);
    this.#journal.append({
      type: "validation",
      ...this.#journal.place,
      step,
      losses: Object.fromEntries(measured.map(([split, { loss }]) => [split, loss])),
      bands: Object.fromEntries(measured.map(([split, { bands }]) => [split, bands])),
    });
    for (const [split, { loss, bands }] of measured) {
      this.#board.scalar(`loss-${split}`, step, loss);
      for (const [band, own] of Object.entries(bands))
        this.#board.scalar(`loss-${split}/${band}`, step, own);
    }
  }

  async onCheckpoint({ step, groups, state }: StageState, best: number | undefined): Promise<void> {
    const { run } = this.#journal;
    const stage = this.#stage;
    const { whenFull } = run.config;
    const folder = await saveCheckpointInPlace(this.#checkpoints, {
      step,
      stage: stage.name,
      state,
      groups,
      keep: stage.keepCheckpoints,
      best,
      whenFull: whenFull === "wait" ? { waitMs: WAIT_MS } : whenFull,
      signal: this.#options.stop.signal,
      run: this.#options.mark,
      within: run.path,
      mayWrite: () => run.requireHeld(),
      warn: (message) => this.#journal.warn(message),
    });
    this.#journal.append({
      type: "checkpoint",
      ...this.#journal.place,
      step,
      folder: relative(run.path, folder),
    });
  }

  async onPictureLosses(
    step: number,
    since: number,
    pictures: readonly PictureLoss[],
  ): Promise<void> {
    const stage = this.#stage.name;
    this.#journal.run.requireHeld();
    await writePictureLosses(this.#journal.run.path, { stage, step, since, pictures });
  }

  onRollback(rollback: Rollback): void {
    const { step, spikeStep, loss, ratio, skipped, pictures } = rollback;
    this.#progress.clear();
    this.#journal.say(
      `Warning: Step ${spikeStep}: loss ${loss.toPrecision(4)}, ${ratio.toPrecision(3)} times the usual. Continuing after step ${step} without batches ${skipped[0]} to ${skipped[1] - 1}. Pictures of the spike: ${pictures.join(", ")}`,
    );
    this.#journal.place = { ...this.#journal.place, step };
    this.#journal.append({ type: "rollback", ...this.#journal.place, ...rollback });
    this.#board.goBack(step);
  }

  async newestState(): Promise<StageState> {
    return newestStateIn(this.#checkpoints, (message) => this.#journal.warn(message));
  }

  [Symbol.dispose](): void {
    this.#progress[Symbol.dispose]();
    this.#board[Symbol.dispose]();
  }
}

/** Contents of a checkpoint, in the form that a stage's loop restores. */
export const stateOf = (checkpoint: Checkpoint): StageState => ({
  step: checkpoint.step,
  groups: new Map(checkpoint.groups.map((group) => [group, checkpoint.read(group)])),
  state: checkpoint.state as StageState["state"],
});

/** The state of a stage's newest checkpoint. Throws if there is none left. */
export async function newestStateIn(
  root: string,
  warn?: (message: string) => void,
): Promise<StageState> {
  const checkpoint = await latestCheckpoint(root, warn);
  if (checkpoint === undefined)
    throw new RunError("ERR_NO_CHECKPOINT", `The checkpoints are gone from ${root}`);
  return stateOf(checkpoint);
}
