import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { InternalError, knownClasses, WorkerEndedError } from "../../errors/index.ts";
import { loaderOf } from "../../files/processes/module-arguments.ts";
import type {
  DrawnPicture,
  DrawOrder,
  EngineFailure,
  EngineSetup,
  FromEngine,
  HeldMemory,
  ModelFacts,
  NamedPlace,
  RawPicture,
  ToEngine,
} from "./engine-messages.ts";
import { HangWatch } from "./hang-watch.ts";

/** The drawing process is gone, and with it what it was drawing. */
export class EngineLostError extends WorkerEndedError {
  override readonly name = "EngineLostError";
  declare readonly code: "ERR_WORKER_ENDED";
  /** False for an order that was sent ahead: the process did not end because of it. */
  readonly hasBegun: boolean;

  constructor(message: string, hasBegun = true) {
    super(message);
    this.hasBegun = hasBegun;
  }
}

knownClasses(EngineLostError);

/** The process reported why an order failed. */
export class EngineFailureError extends Error {
  override readonly name = "EngineFailureError";
  readonly failure: EngineFailure;

  constructor(failure: EngineFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Progress of an order while it is drawn. */
export type OnStep = (progress: {
  readonly step: number;
  readonly total: number;
  readonly previews: readonly { readonly picture: number; readonly image: RawPicture }[];
}) => void;

/** Options of an engine, and its callbacks. */
export interface EngineProcessOptions {
  /** The module that is forked. */
  readonly script: URL;
  readonly setup: EngineSetup;
  /** Called after its start and after each restart: it can accept orders. */
  readonly onReady: () => void;
  /** Called for each model that was loaded. */
  readonly onModel?: (facts: ModelFacts) => void;
  /** Called for restarts, lines on the process's stderr, and its memory. */
  readonly onRestart?: (code: string) => void;
  /** Called when several restarts in a row have failed: see {@link EngineProcess.isLost}. */
  readonly onLost?: (reason: string) => void;
  readonly onLine?: (line: string) => void;
  readonly onMemory?: (held: HeldMemory) => void;
  /** Interval at which it is checked for hanging: see {@link HangWatch}. */
  readonly lookMs?: number | undefined;
}

const FIRST_BACK_OFF_MS = 100;
const MOST_BACK_OFF_MS = 10_000;

/** Restarts that may fail in a row before nobody should wait for the next. */
const MOST_FAILED_STARTS = 3;

/** How long a killed process may take to end before it is given up: one that waits for a driver can't be killed. */
const END_MS = 10_000;

interface Running {
  readonly order: DrawOrder;
  /** A model may have to be loaded before the first step. After the last one, the picture is decoded. */
  phase: "loading" | "steps" | "decoding";
  readonly onStep: OnStep;
  readonly resolve: (result: { pictures: readonly DrawnPicture[]; seconds: number }) => void;
  readonly reject: (error: Error) => void;
}

interface Loading {
  readonly end: Promise<ModelFacts>;
  readonly resolve: (facts: ModelFacts) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A process that draws, one order at a time; the next one is sent ahead, while the current one is decoded. It is restarted whenever
 * it ends, and ended if it hangs.
 */
export class EngineProcess {
  readonly device: string;
  readonly #options: EngineProcessOptions;
  #child: ChildProcess | undefined;
  /** The current order, and the one that was sent ahead. */
  #orders: Running[] = [];
  #isReady = false;
  #isStopped = false;
  #backOff = FIRST_BACK_OFF_MS;
  #restart: NodeJS.Timeout | undefined;
  #refused: ((error: Error) => void) | undefined;
  /** Why the current process does not start, and how many in a row have not. */
  #refusal: string | undefined;
  #failedStarts = 0;
  /** Facts about models that were loaded and measured. */
  readonly #known = new Map<string, ModelFacts>();
  /** Models in addition to those of the set-up, by the names they were requested by. */
  readonly #added = new Map<string, NamedPlace>();
  readonly #loading = new Map<string, Loading>();
  #started: Promise<void> | undefined;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
    this.device = options.setup.device;
  }

  /** Whether it would begin an order at once. */
  get isIdle(): boolean {
    return this.#isReady && this.#orders.length === 0;
  }

  /** Whether it can accept an order: it is idle, or decodes its only one. */
  get canAccept(): boolean {
    return this.isIdle || (this.#orders.length === 1 && this.#orders[0]?.phase === "decoding");
  }

  /** Largest number of pictures at once that is worthwhile for a model on this device. */
  batchOf({ name, batch }: ModelFacts): number {
    return this.#known.get(name)?.batch ?? batch;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether it ended and can't be restarted: its model or its device is gone. It is tried again all the same. */
  get isLost(): boolean {
    return this.#failedStarts >= MOST_FAILED_STARTS;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process. Resolves when it has loaded and measured its models; rejects if it refuses them. */
  start(): Promise<void> {
    this.#started ??= new Promise((resolve, reject) => {
      const { onReady } = this.#options;
      this.#refused = reject;
      this.#launch(() => {
        this.#refused = undefined;
        resolve();
        onReady();
      });
    });
    return this.#started;
  }

  /** Loads another model after the current order, starting the process if necessary. Rejects if it can't be loaded. */
  async load(model: NamedPlace): Promise<ModelFacts> {
    await this.start();
    const known = this.#loading.get(model.name);
    if (known !== undefined) return known.end;
    const loading = newLoading();
    this.#loading.set(model.name, loading);
    this.#added.set(model.name, model);
    this.#send({ type: "load", model });
    return loading.end.finally(() => this.#loading.delete(model.name));
  }

  /** Draws, if {@link canAccept}; rejects with EngineLostError or EngineFailureError. */
  draw(
    order: DrawOrder,
    onStep: OnStep,
  ): Promise<{ readonly pictures: readonly DrawnPicture[]; readonly seconds: number }> {
    if (!this.canAccept) throw new InternalError("Expected an engine that is idle or decoding");
    return new Promise((resolve, reject) => {
      this.#orders.push({ order, phase: "loading", onStep, resolve, reject });
      this.#send({ type: "draw", order });
    });
  }

  /** Ends an order before its next step, which rejects it. */
  abort(order: number): void {
    this.#send({ type: "abort", order });
  }

  /** Ends the process permanently. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#refused = undefined; // whoever waits for its start has been notified of the end
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      setTimeout(resolve, END_MS).unref();
    });
    child.kill("SIGKILL");
    await ended;
  }

  #launch(onReady: () => void): void {
    const { script, setup, onLine } = this.#options;
    const child = fork(fileURLToPath(script), [], {
      execArgv: loaderOf(script),
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => onLine?.(line));
    }
    let isOver = false;
    const over = (how: string): void => {
      watch?.stop();
      if (!isOver) this.#ended(how);
      isOver = true;
    };
    const watch = this.#watch(child, over);
    child.on("message", (message) => {
      if (this.#child !== child) return; // given up
      watch?.heard();
      this.#hear(message as FromEngine, onReady);
    });
    child.on("exit", (code, signal) => over(signal ?? `exit code ${code}`));
    // A process that never started does not exit; otherwise "exit" follows.
    child.on("error", (error) => {
      if (child.pid === undefined) over(error.message);
    });
    const models = [...setup.models, ...this.#added.values()];
    this.#send({ type: "setup", setup: { ...setup, models, known: [...this.#known.values()] } });
  }

  /** Kills the process if it hangs. It is over when it has ended, or is given up. */
  #watch(child: ChildProcess, over: (how: string) => void): HangWatch | undefined {
    const { pid } = child;
    if (pid === undefined) return undefined;
    return new HangWatch({
      pid,
      lookMs: this.#options.lookMs,
      work: () => {
        if (!this.#isReady || this.#loading.size > 0) return "loading";
        const [current] = this.#orders;
        return current && (current.phase === "loading" ? "loading" : "drawing");
      },
      onHung: (seconds) => {
        const how = `hung for ${seconds} s`;
        child.prependOnceListener("exit", () => over(how));
        setTimeout(() => over(`${how}, and process ${pid} can't be ended`), END_MS).unref();
        child.kill("SIGKILL");
      },
    });
  }

  /** The process is gone: fails its orders, and starts another process unless it should stay ended. */
  #ended(how: string): void {
    const hadStarted = this.#isReady;
    this.#isReady = false;
    this.#child = undefined;
    const message = `The process that draws has ended (${how})`;
    const lost = new EngineLostError(message);
    const [current, ahead] = this.#orders.splice(0);
    current?.reject(lost);
    ahead?.reject(new EngineLostError(message, false));
    for (const { reject } of this.#loading.values()) reject(lost);
    const refused = this.#refused;
    if (refused !== undefined) {
      this.#refused = undefined;
      this.#started = undefined; // the next request tries again
      refused(new EngineLostError(`The process that draws has ended before it was ready (${how})`));
      return;
    }
    if (this.#isStopped) return;
    this.#options.onRestart?.(how);
    if (!hadStarted && ++this.#failedStarts === MOST_FAILED_STARTS)
      this.#options.onLost?.(this.#refusal ?? how);
    this.#refusal = undefined;
    this.#restart = setTimeout(() => this.#launch(this.#options.onReady), this.#backOff);
    this.#backOff = Math.min(2 * this.#backOff, MOST_BACK_OFF_MS);
  }

  #send(message: ToEngine): void {
    this.#child?.send(message, () => {}); // if it has ended, "exit" reports it
  }

  #hear(message: FromEngine, onReady: () => void): void {
    switch (message.type) {
      case "loaded":
        this.#known.set(message.facts.name, message.facts);
        this.#options.onModel?.(message.facts);
        this.#loading.get(message.facts.name)?.resolve(message.facts);
        break;
      case "unloadable":
        this.#added.delete(message.name);
        this.#loading
          .get(message.name)
          ?.reject(new EngineFailureError({ code: "drawing_failed", message: message.message }));
        break;
      case "ready":
        this.#isReady = true;
        this.#failedStarts = 0;
        // Those that were asked for while there was no process.
        for (const name of this.#loading.keys()) {
          const model = this.#added.get(name);
          if (model !== undefined) this.#send({ type: "load", model });
        }
        onReady();
        break;
      case "refused":
        this.#isStopped = this.#refused !== undefined;
        this.#refused?.(new EngineLostError(message.message));
        this.#refused = undefined;
        this.#refusal = message.message;
        this.#options.onLine?.(message.message);
        this.#child?.kill("SIGKILL");
        break;
      case "step":
        this.#step(message);
        break;
      case "drawn":
        this.#backOff = FIRST_BACK_OFF_MS;
        this.#settle(message.order)?.resolve(message);
        break;
      case "failed":
        this.#settle(message.order)?.reject(new EngineFailureError(message.failure));
        break;
      case "memory":
        this.#options.onMemory?.(message);
        break;
    }
  }

  #step(progress: Extract<FromEngine, { type: "step" }>): void {
    const running = this.#orders.find(({ order }) => order.id === progress.order);
    if (running === undefined) return;
    running.phase = progress.step < progress.total ? "steps" : "decoding";
    running.onStep(progress);
  }

  /** Removes an order and returns it; undefined if it is none of the process's. */
  #settle(id: number): Running | undefined {
    const index = this.#orders.findIndex(({ order }) => order.id === id);
    return index < 0 ? undefined : this.#orders.splice(index, 1)[0];
  }
}

function newLoading(): Loading {
  const settle: Partial<Pick<Loading, "resolve" | "reject">> = {};
  const end = new Promise<ModelFacts>((resolve, reject) =>
    Object.assign(settle, { resolve, reject }),
  );
  const { resolve = () => {}, reject = () => {} } = settle;
  return { end, resolve, reject };
}
