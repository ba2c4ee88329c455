import { formatBytes, formatDuration } from "./quantities.ts";

/** Contents of a stage's progress line. */
export interface ProgressState {
  readonly stage: string;
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
  /** Memory of the process. */
  readonly rssBytes: number;
}

/** `alignment 312/2000 (15 %), loss 0.1432, 84.1 images/s, 2 min 10 s left, 1.24 GB` */
export function formatProgress(state: ProgressState): string {
  const { stage, step, steps, loss, imagesPerSecond, secondsLeft, rssBytes } = state;
  return [
    `${stage} ${step}/${steps} (${Math.floor((100 * step) / steps)} %)`,
    `loss ${loss.toPrecision(4)}`,
    `${Number(imagesPerSecond.toPrecision(3))} images/s`,
    ...(step < steps ? [`${formatDuration(secondsLeft)} left`] : []),
    formatBytes(rssBytes),
  ].join(", ");
}

/** Where a {@link ProgressLine} is written, such as `process.stderr`. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Options of {@link ProgressLine}. */
export interface ProgressOptions {
  readonly stage: string;
  readonly steps: number;
  /** Steps done by an earlier process. */
  readonly firstStep: number;
  readonly stream?: ProgressStream;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

// Update intervals: a terminal's line is rewritten, anything else gets a new line.
const terminalMs = 100;
const plainMs = 10_000;

/** Moves the cursor to the start of the terminal's line and clears it. */
const clearLine = "\r\u001b[2K";
const bold = "\u001b[1m";
const normal = "\u001b[22m";

/** A line on stderr that shows a stage's progress. */
export class ProgressLine implements Disposable {
  readonly #options: ProgressOptions;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #rewrites: boolean;
  readonly #isColoured: boolean;
  readonly #start: number;
  readonly #loss = new RunningMean();
  readonly #speed = new RunningMean();
  #writtenAt = Number.NEGATIVE_INFINITY;
  /** The newest state, if not written yet. */
  #pending: ProgressState | undefined;

  constructor(options: ProgressOptions) {
    const { stream = process.stderr, env = process.env, now = () => performance.now() } = options;
    this.#options = options;
    this.#stream = stream;
    this.#now = now;
    this.#rewrites = stream.isTTY === true && env.TERM !== "dumb";
    this.#isColoured = this.#rewrites && (env.NO_COLOR ?? "") === "";
    this.#start = now();
  }

  /** Records a finished step, and writes the line if it is due. Loss and speed are smoothed. */
  update(done: Pick<ProgressState, "step" | "loss" | "imagesPerSecond">): void {
    const { stage, steps, firstStep } = this.#options;
    const { step } = done;
    const now = this.#now();
    const msPerStep = (now - this.#start) / (step - firstStep);
    this.#pending = {
      stage,
      step,
      steps,
      loss: this.#loss.add(done.loss),
      imagesPerSecond: this.#speed.add(done.imagesPerSecond),
      secondsLeft: (msPerStep * (steps - step)) / 1000,
      rssBytes: process.memoryUsage.rss(),
    };
    if (now - this.#writtenAt >= (this.#rewrites ? terminalMs : plainMs)) this.#write();
  }

  /** Clears the line for other output; the next step writes it again. */
  clear(): void {
    if (this.#rewrites) this.#stream.write(clearLine);
  }

  /** Writes any pending state and ends the line. */
  [Symbol.dispose](): void {
    this.#write();
    if (this.#rewrites) this.#stream.write("\n");
  }

  #write(): void {
    if (this.#pending === undefined) return;
    const line = formatProgress(this.#pending);
    if (this.#rewrites) {
      const { stage } = this.#pending;
      const fitting = line.slice(0, (this.#stream.columns ?? 80) - 1);
      const [name, rest] = [fitting.slice(0, stage.length), fitting.slice(stage.length)];
      // Terminal control codes are written separately: combined with text they would be shown.
      const pieces = this.#isColoured ? [bold, name, normal, rest] : [fitting];
      for (const piece of [clearLine, ...pieces]) this.#stream.write(piece);
    } else {
      this.#stream.write(`${line}\n`);
    }
    this.#pending = undefined;
    this.#writtenAt = this.#now();
  }
}

/** Mean over about the last twenty values; a non-finite value is shown once and not kept. */
class RunningMean {
  readonly #kept = 0.95;
  #sum = 0;
  #weight = 0;

  add(value: number): number {
    if (!Number.isFinite(value)) return value;
    this.#sum = this.#kept * this.#sum + (1 - this.#kept) * value;
    this.#weight = this.#kept * this.#weight + (1 - this.#kept);
    return this.#sum / this.#weight;
  }
}
