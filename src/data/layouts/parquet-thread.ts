import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { SchemaElement } from "hyparquet";

/** A part of a column that holds values: its path of names and its description. */
export interface ParquetLeaf {
  readonly path: readonly string[];
  readonly element: SchemaElement;
}

/** A column's values in a row group. */
export interface ParquetChunk {
  /** When unpacked, as the file says. */
  readonly bytes: number;
  /** In the file. */
  readonly stored: number;
  /** Whether single pages of it can be found. */
  readonly hasPageIndex: boolean;
}

/** What is used of a file's footer. */
export interface ParquetFooter {
  readonly byteLength: number;
  readonly leaves: readonly ParquetLeaf[];
  /** Chunks by the names of their path with NUL between. */
  readonly groups: readonly {
    readonly rows: number;
    readonly chunks: ReadonlyMap<string, ParquetChunk>;
  }[];
}

interface Limits {
  /** Of typed arrays, in which a reader unpacks what it reads. */
  readonly mostBytes: number;
  /** Of computing. */
  readonly seconds: number;
}

interface OpenJob extends Limits {
  readonly kind: "open";
  readonly path: string;
}

/** Reads rows from `start` to before `end`. */
export interface RowsJob extends Limits {
  readonly kind: "rows";
  readonly path: string;
  /** The names of each leaf's path with NUL between. */
  readonly leaves: readonly string[];
  /** Those of them that are read as they are stored, whatever their type. */
  readonly plain: readonly string[];
  readonly start: number;
  readonly end: number;
}

/** What the worker is asked. */
export type ParquetJob = OpenJob | RowsJob;

type Answer =
  | { readonly started: string }
  | { readonly value: unknown }
  | { readonly error: string };

interface Waiting {
  readonly job: ParquetJob;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Stands before the text of a value of type JSON; no file can know it. */
export const JSON_MARK: string = `json:${randomBytes(12).toString("hex")}:`;

/** For the objects of some ten thousand rows: rows are asked for in parts. */
const HEAP = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32 };
const LOOK_EVERY_MS = 50;
/** Where the system does not say how long a thread has computed, other work may have taken this many times as long. */
const WALL_FACTOR = 10;
/** A thread that nobody asks anything ends, and gives its memory back. */
const IDLE_MS = 10_000;

/**
 * The thread that reads parquet files, one after another: their reader can be made to run for ever, or to fill the memory, and a
 * thread can be ended.
 */
class ParquetThread {
  #worker: Worker | undefined;
  /** `123/task/456`, once it has started. */
  #place: string | undefined;
  #current: { readonly waiting: Waiting; readonly start: number } | undefined;
  readonly #queue: Waiting[] = [];
  #idle: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  ask(job: ParquetJob): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) {
      this.#rest();
      return;
    }
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#current = { waiting, start: this.#clock() };
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#worker.postMessage(waiting.job);
  }

  #rest(): void {
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./parquet-worker.js", import.meta.url), {
      workerData: { jsonMark: JSON_MARK },
      execArgv: [],
      resourceLimits: HEAP,
    });
    worker.on("message", (answer: Answer) => this.#heard(answer));
    worker.on("error", (error: NodeJS.ErrnoException) => {
      const isFull = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#fail(
        isFull ? new Error("more memory is needed to read it than its rows can take") : error,
      );
    });
    return worker;
  }

  #heard(answer: Answer): void {
    if ("started" in answer) {
      this.#place = answer.started;
      // What it took to start is not the file's.
      if (this.#current !== undefined) this.#current = { ...this.#current, start: this.#clock() };
      return;
    }
    const done = this.#finish();
    if ("error" in answer) done?.reject(new Error(answer.error));
    else done?.resolve(answer.value);
    this.#next();
  }

  #finish(): Waiting | undefined {
    clearInterval(this.#watch);
    const waiting = this.#current?.waiting;
    this.#current = undefined;
    return waiting;
  }

  /** Seconds that the thread has computed, or that have passed where nobody counts that. */
  #clock(): number {
    const ticks = this.#place ? threadTicks(this.#place) : undefined;
    return ticks === undefined ? performance.now() / 1000 / WALL_FACTOR : ticks / 100;
  }

  #look(): void {
    if (this.#current === undefined || this.#place === undefined) return;
    const { waiting, start } = this.#current;
    const { seconds } = waiting.job;
    if (this.#clock() - start <= seconds) return;
    this.#fail(new Error(`pages that were not read after ${seconds.toFixed(1)} s of computing`));
  }

  #fail(error: Error): void {
    this.#end();
    this.#finish()?.reject(error);
    this.#next();
  }

  #end(): void {
    clearTimeout(this.#idle);
    this.#worker?.removeAllListeners();
    this.#worker?.on("error", () => {}); // of its end
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#place = undefined;
  }
}

/** Hundredths of a second, Linux' unit for programs, that a thread has computed. */
function threadTicks(place: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${place}/stat`, "utf8");
    // The name in brackets may hold spaces; the times stand 11 and 12 fields behind the state.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined; // ended meanwhile
  }
}

const thread = new ParquetThread();

const MIB = 2 ** 20;
/** Unpacked, a row group of pictures has at most 1 GiB, and its pages are there twice while they are unpacked. */
const MOST_BYTES = 3 * 2 ** 30;
/** What is unpacked of little. Beyond, what grows by more was made to fill the memory. */
const ALWAYS_UNPACKED = 96 * MIB;
const MOST_GROWTH = 200;
/** Computing that any file may take, and what it may take by what is read. Reading takes a fiftieth of that. */
const ALWAYS_SECONDS = 1.5;
const BYTES_A_SECOND = 2 * MIB;
const ROWS_A_SECOND = 10_000;

const limitsOf = (stored: number, rows: number): Limits => ({
  mostBytes: Math.min(MOST_BYTES, ALWAYS_UNPACKED + MOST_GROWTH * stored),
  seconds: ALWAYS_SECONDS + stored / BYTES_A_SECOND + rows / ROWS_A_SECOND,
});

/** Reads the footer of a file of `size` bytes. Throws Error for damage. */
export const readFooter = (path: string, size: number): Promise<ParquetFooter> =>
  thread.ask({
    kind: "open",
    path,
    ...limitsOf(Math.min(size, 64 * MIB), 0),
  }) as Promise<ParquetFooter>;

/**
 * Reads rows; values of type JSON are text behind {@link JSON_MARK}. Throws Error for damage.
 * @param stored bytes of the file that are read for them
 */
export const readRows = (
  job: Omit<RowsJob, "kind" | keyof Limits>,
  stored: number,
): Promise<Record<string, unknown>[]> =>
  thread.ask({ kind: "rows", ...job, ...limitsOf(stored, job.end - job.start) }) as Promise<
    Record<string, unknown>[]
  >;
