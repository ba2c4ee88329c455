import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfigDifference } from "../config/checks/config-differences.ts";
import { configToJson, type ResolvedConfig, type ResolvedStage } from "../config/index.ts";
import type { Recipe } from "../config/load-config.ts";
import { World } from "../distributed/index.ts";
import { makeFolderSync } from "../files/make-folder.ts";
import { unlessItFails } from "../files/unless-it-fails.ts";
import type { Device } from "../torch/index.ts";
import type { Checkpoint } from "./checkpoints/checkpoint.ts";
import type { RunMark } from "./contract/run-mark.ts";
import { isStop } from "./contract/stopped.ts";
import { reportOf } from "./dataset/data-report.ts";
import { RunData } from "./dataset/run-data.ts";
import { requireSameWords } from "./dataset/same-words.ts";
import type { TrainingData } from "./dataset/training-data.ts";
import { firstForLong } from "./loop/first-for-long.ts";
import type { StopRequest } from "./loop/signals.ts";
import { RunModelLoader } from "./models/run-model-loader.ts";
import { runTokenizer } from "./models/run-tokenizer.ts";
import { planReport } from "./preflight/plan-report.ts";
import { cacheFolder, planRun } from "./preflight/plan-run.ts";
import { clearRehearsal, largeStages } from "./preflight/rehearsal.ts";
import {
  type Accepted,
  compareRun,
  requireKnownStages,
  requireOwn,
} from "./preflight/resume-check.ts";
import { runFacts } from "./preflight/run-facts.ts";
import type { RunForecast } from "./preflight/run-forecast.ts";
import { cleanRun } from "./preflight/run-leftovers.ts";
import type { CurriculumContext } from "./prepare-stage.ts";
import { hasStageEnded } from "./run-folder/event-log.ts";
import { EVENTS_FILE, type RunFolder } from "./run-folder/run-folder.ts";
import { RunJournal, type RunPlace } from "./run-folder/run-journal.ts";
import { type StageTraining, trainStage } from "./train-stage.ts";

/** Options of `train()`. */
export interface TrainOptions {
  /** Resumes the run of the folder instead of starting a new one. */
  readonly resume: boolean;
  /** The command that resumes this run, for its README and messages. */
  readonly resumeCommand: string;
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
  /**
   * Whether to rehearse stages before they start and to refuse runs that cannot fit. By default this depends on their size; false
   * does neither.
   */
  readonly rehearsal?: boolean | undefined;
  /** Device to compute on instead of the config's, for resumed runs too. */
  readonly device?: string | undefined;
  /**
   * The processes that train together, as `pixart train` joins them. Default: just this one. All get the same options except
   * {@link say}.
   */
  readonly world?: World;
  /** Changes to a resumed run's config, such as `stages.0.steps=12`; docs/training.md lists what can change. */
  readonly changes?: readonly string[];
  /** Differences that a resumed run accepts. Default: none. */
  readonly accepted?: Accepted;
  /** The config file as read: a resumed run reports what has changed in it. */
  readonly recipe?: Recipe | undefined;
  /** Called after each step. */
  readonly onStep?: (place: RunPlace) => void;
  /** Builds the stages' models; pass another class to experiment with models that no config names. */
  readonly models?: typeof RunModelLoader;
}

/** A run folder held by this process, and the data it trains on. */
export interface BegunRun {
  readonly run: RunFolder;
  /** The config in effect; written to the folder once it is known to fit. */
  readonly config: ResolvedConfig;
  /** How it differs from the folder's config. */
  readonly changes: readonly ConfigDifference[];
  readonly data: TrainingData;
  /** The device this process computes on. */
  readonly device: Device;
  /** The forecast, in the process that planned the run; a resumed run is planned once its checkpoints are known. */
  readonly forecast: RunForecast | undefined;
}

const NOTHING_ACCEPTED: Accepted = { changedData: false, otherRun: false };

/** One process's part of a run. */
export class TrainSession {
  readonly #journal: RunJournal;
  readonly #run: RunFolder;
  readonly #config: ResolvedConfig;
  readonly #changes: readonly ConfigDifference[];
  readonly #data: TrainingData;
  readonly #stop: StopRequest;
  readonly #options: TrainOptions;
  readonly #world: World;
  readonly #device: Device;
  #forecast: RunForecast | undefined;
  /** Undefined until the data has been recorded, and in processes that save nothing. */
  #mark: RunMark | undefined;
  readonly #runData: RunData;
  #renamed: ReadonlyMap<string, string> = new Map();

  constructor(
    { run, config, changes, data, device, forecast }: BegunRun,
    stop: StopRequest,
    options: TrainOptions,
  ) {
    this.#run = run;
    this.#data = data;
    this.#forecast = forecast;
    this.#config = config;
    this.#changes = changes;
    this.#stop = stop;
    this.#options = options;
    this.#world = options.world ?? World.solo;
    this.#device = device;
    this.#journal = new RunJournal(run, options.say);
    this.#runData = new RunData(run, data, options.say);
  }

  /** True if all stages are complete, false if a signal stopped the run early. */
  async run(): Promise<boolean> {
    process.on("warning", this.#noteWarning);
    try {
      return await this.#runStages();
    } catch (error) {
      if (!isStop(error, this.#stop.signal)) throw error;
      return this.#stopped();
    } finally {
      await nextTurn(); // warnings are emitted in a later turn
      process.off("warning", this.#noteWarning);
    }
  }

  /** Records warnings that models and samplers emit while loading; Node has printed them already. */
  readonly #noteWarning = ({ name, message }: Error): void => {
    if (name !== "Warning") return;
    // Nothing awaits this, so nothing could catch a failure.
    unlessItFails(() => this.#journal.append({ type: "warning", ...this.#journal.place, message }));
  };

  #stopped(): false {
    this.#journal.end("stopped", this.#stop.requested ?? null);
    return false;
  }

  async #runStages(): Promise<boolean> {
    const { say, resume, models: Models = RunModelLoader } = this.#options;
    const data = this.#data;
    this.#reportData(data);
    // The run's own cache is created in the run folder, if that still exists.
    const { folder: sharedCache } = this.#config.dataset.cache;
    if (sharedCache !== null) makeFolderSync(sharedCache);
    const models = new Models(this.#config, this.#run.checkpoints, this.#device, (message) => {
      if (this.#world.isFirst) this.#journal.warn(message);
    });
    const context: CurriculumContext = {
      config: this.#config,
      data,
      models,
      tokenizer: await runTokenizer(this.#config, data, this.#run.path, this.#world),
      cache: cacheFolder(this.#config, this.#run.path),
      world: this.#world,
      onWarning: (message) => this.#journal.warn(message),
      signal: this.#stop.signal,
      say,
      onProgress: (...done) => this.#journal.doing(...done),
    };
    if (!resume) {
      const facts = runFacts(this.#device);
      this.#journal.append({ type: "run-start", name: this.#config.name, facts });
      this.#notePlan(0);
    }
    await this.#world.first(() => cleanRun(this.#run));
    await this.#world.first(() => requireKnownStages(this.#run.checkpoints, this.#config));
    requireSameWords(this.#world, data);
    const latest = await Promise.all(this.#config.stages.map((stage) => models.latest(stage)));
    const first = this.#firstOpen(latest);
    // If no stage is open, the run stands at its last one.
    const { name = "" } = this.#config.stages.at(first) ?? {};
    this.#journal.place = { stage: name, step: latest.at(first)?.step ?? 0 };
    await this.#world.first(async () => this.#requireOwn(latest));
    if (first < 0) {
      say(
        `All stages of ${this.#run.path} are already complete. To train further: ${this.#options.resumeCommand} --cfg-options stages.${latest.length - 1}.steps=${2 * this.#journal.place.step}`,
      );
      this.#adopt();
      return true;
    }
    if (resume) await this.#continueRun(latest);
    const training: StageTraining = {
      context,
      journal: this.#journal,
      stop: this.#stop,
      device: this.#device,
      isRehearsed: (stage) => this.#options.rehearsal ?? this.#isLarge(stage),
      mark: async () => {
        await this.#firstForLong((signal) => this.#recordData(signal));
        return this.#mark;
      },
      renamed: this.#renamed,
      onStep: this.#options.onStep,
    };
    for (const stage of this.#config.stages.slice(first)) {
      if (!(await trainStage(training, stage))) return this.#stopped();
    }
    this.#journal.end("finished", null);
    return true;
  }

  get #events(): string {
    return join(this.#run.path, EVENTS_FILE);
  }

  /** Index of the first incomplete stage; -1 if all are complete. */
  #firstOpen(latest: readonly (Checkpoint | undefined)[]): number {
    const begun = latest.findLastIndex((checkpoint) => checkpoint !== undefined);
    // A stage stopped at its last step may still lack the work that follows; once the next stage has begun, it does not.
    const isComplete = (stage: ResolvedStage, i: number): boolean =>
      latest[i]?.step === stage.steps &&
      (i < begun || hasStageEnded(this.#events, stage.name, stage.steps));
    return this.#config.stages.findIndex((stage, i) => !isComplete(stage, i));
  }

  /** Checks the checkpoint that the run resumes from and the ones before it. */
  async #continueRun(latest: readonly (Checkpoint | undefined)[]): Promise<void> {
    const { stage, step } = this.#journal.place;
    this.#options.say(`Continuing with stage "${stage}" after step ${step}`);
    const newest = latest.findLast((checkpoint) => checkpoint !== undefined);
    const done = latest.reduce((sum, checkpoint) => sum + (checkpoint?.step ?? 0), 0);
    await this.#firstForLong((signal) => this.#compare(newest, signal));
    await this.#world.first(() => this.#planRest(done));
    this.#adopt();
    const changes = this.#changes.map(({ place, values: [from, to] }) => ({ place, from, to }));
    this.#journal.append({
      type: "resume",
      ...this.#journal.place,
      ...(changes.length > 0 && { changes }),
      facts: runFacts(this.#device),
    });
    this.#notePlan(done);
  }

  /** Throws if a checkpoint belongs to another run; gives the run an identity if it has none yet. */
  #requireOwn(checkpoints: readonly (Checkpoint | undefined)[]): void {
    const { id, lines } = requireOwn(this.#run.id, checkpoints, this.#accepted);
    if (this.#run.id === undefined) this.#run.identify(id ?? randomUUID());
    for (const line of lines) this.#journal.warn(line);
  }

  /** Compares data and config with a checkpoint's: warns of differences that are acceptable, and throws for the rest. */
  async #compare(checkpoint: Checkpoint | undefined, signal: AbortSignal): Promise<void> {
    if (checkpoint === undefined) return;
    const { lines, renamed } = await compareRun(this.#run.path, {
      checkpoint,
      own: this.#run.config,
      grows: this.#config.dataset.grows,
      record: await this.#runData.record(signal),
      location: this.#data.dataset.location,
      accepted: this.#accepted,
    });
    for (const line of lines) this.#journal.warn(line);
    this.#renamed = renamed;
  }

  /** Records the data for the checkpoints to come. */
  async #recordData(signal: AbortSignal): Promise<void> {
    if (this.#mark !== undefined) return;
    const data = await this.#runData.keep(signal);
    const config: object = JSON.parse(configToJson(this.#config));
    this.#mark = { id: this.#run.id ?? "", data, config };
  }

  /** Runs slow work in the first process; a signal to any process ends it in all of them. */
  #firstForLong(body: (signal: AbortSignal) => Promise<void>): Promise<void> {
    return firstForLong(this.#world, this.#stop.signal, body);
  }

  get #accepted(): Accepted {
    return this.#options.accepted ?? NOTHING_ACCEPTED;
  }

  /** Writes the changed config to the run folder. */
  #adopt(): void {
    if (this.#changes.length > 0) this.#run.changeConfig(this.#config);
  }

  async #planRest(done: number): Promise<void> {
    const { say, rehearsal } = this.#options;
    if (await clearRehearsal(this.#run.path)) {
      this.#journal.warn(
        "The process before this one ended during its rehearsal, probably killed because memory was full. Lower batchSize, set gradientCheckpointing, take precision bfloat16 or train an adapter",
      );
    }
    const strict = rehearsal !== false;
    const folder = this.#run.path;
    this.#forecast = await planRun({
      config: this.#config,
      data: this.#data,
      folder,
      done,
      device: this.#device,
      processes: this.#world.localSize,
      strict,
      say,
    });
  }

  #isLarge({ name }: ResolvedStage): boolean {
    return this.#forecast !== undefined && largeStages(this.#forecast.shapes).has(name);
  }

  #notePlan(done: number): void {
    const [config, data, device, forecast] = [
      this.#config,
      this.#data,
      this.#device,
      this.#forecast,
    ];
    if (forecast === undefined) return;
    const plan = planReport({ config, data, done, device, forecast });
    this.#journal.append({ type: "plan", ...this.#journal.place, plan });
  }

  #reportData(data: TrainingData): void {
    const { line, warnings } = reportOf(data);
    this.#options.say(line);
    for (const each of warnings) this.#journal.warn(each);
  }

  /** Records that the run ended with an error. */
  fail(error: unknown): void {
    try {
      this.#journal.end("failed", error instanceof Error ? error.message : String(error));
    } catch {
      // The disk may be full: the original error matters more than failing to record it.
    }
  }
}
