import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { SchemaElement } from "hyparquet";
import { DatasetError } from "../../../errors/index.ts";
import { threadScript } from "../../../files/package/package-folder.ts";
import { computingTicks, TICK_MS } from "../../../files/processes/process-stat.ts";
import { JobThread } from "../../../images/job-thread.ts";

/** A leaf of the schema: its path of names and its description. */
export interface ParquetLeaf {
  readonly path: readonly string[];
  readonly element: SchemaElement;
}

/** A column's chunk in a row group. */
export interface ParquetChunk {
  /** Unpacked size, according to the file. */
  readonly bytes: number;
  /** Size in the file. */
  readonly stored: number;
  /** Whether its pages can be located individually. */
  readonly hasPageIndex: boolean;
}

/** The parts of a file's footer that are used. */
export interface ParquetFooter {
  /** Distinguishes the file from others of the same name and from earlier versions of itself. */
  readonly identity: string;
  readonly byteLength: number;
  readonly leaves: readonly ParquetLeaf[];
  /** Chunks by the names of their path, joined with NUL. */
  readonly groups: readonly {
    readonly rows: number;
    readonly chunks: ReadonlyMap<string, ParquetChunk>;
  }[];
}

interface Limits {
  /** Limit for typed arrays, into which a reader unpacks what it reads. */
  readonly mostBytes: number;
  /** Limit for computing time. */
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
  /** As given by its footer. */
  readonly identity: string;
  /** The names of each leaf's path, joined with NUL. */
  readonly leaves: readonly string[];
  /** The leaves among them to read as stored, whatever their type. */
  readonly plain: readonly string[];
  readonly start: number;
  readonly end: number;
  /** The rows of the group that they belong to, which is decoded once for all its parts. */
  readonly group?: { readonly start: number; readonly end: number };
}

/** A job for the worker; "place" returns where the system reports the thread's computing time, `123/task/456`. */
export type ParquetJob = OpenJob | RowsJob | { readonly kind: "place" };

type Answer = { readonly value: unknown } | { readonly error: string };

/** Prefix of the text of a JSON value; random, so that no file can contain it. */
export const JSON_MARK: string = `json:${randomBytes(12).toString("hex")}:`;

/** For the objects of about ten thousand rows, since rows are requested in parts. */
const HEAP = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32 };
const LOOK_EVERY_MS = 50;
/** If the system does not report a thread's computing time, elapsed time may be this many times as long because of other work. */
const WALL_FACTOR = 10;
/** A disk or server that takes longer than this plus ten times the computing limit counts as not responding. */
const PATIENCE_SECONDS = 600;

/**
 * The thread that reads parquet files, one after another. A crafted file can make the reader run for ever or fill the memory, and
 * a thread can be terminated.
 */
class ParquetThread {
  readonly #thread = new JobThread<ParquetJob, Answer>(
    () =>
      new Worker(threadScript(new URL("./parquet-worker.js", import.meta.url)), {
        workerData: { jsonMark: JSON_MARK },
        execArgv: [],
        resourceLimits: HEAP,
      }),
  );
  #last: Promise<unknown> = Promise.resolve();

  ask(job: OpenJob | RowsJob): Promise<unknown> {
    const asked = this.#last.then(() => this.#run(job));
    this.#last = asked.catch(() => {}); // the caller handles the error
    return asked;
  }

  async #run(job: OpenJob | RowsJob): Promise<unknown> {
    // Before the clock is read, so that start-up time does not count against the file.
    const place = answered(await this.#thread.ask({ kind: "place" })) as string;
    const [start, begun] = [clock(place), performance.now() / 1000];
    const watch = setInterval(() => {
      const isLate = clock(place) - start > job.seconds;
      const isStuck =
        performance.now() / 1000 - begun > PATIENCE_SECONDS + WALL_FACTOR * job.seconds;
      if (!isLate && !isStuck) return;
      const what = isLate ? `${job.seconds.toFixed(1)} s of computing` : "minutes of waiting";
      this.#thread.end(new DatasetError(`pages that were not read after ${what}`));
    }, LOOK_EVERY_MS);
    try {
      return answered(await this.#thread.ask(job));
    } catch (error) {
      const isFull = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
      throw isFull
        ? new DatasetError("data that takes more memory to read than its rows could")
        : error;
    } finally {
      clearInterval(watch);
    }
  }
}

function answered(answer: Answer): unknown {
  if ("error" in answer) throw new DatasetError(answer.error);
  return answer.value;
}

/** Seconds that a thread has computed, or elapsed time if the system does not report that. */
function clock(place: string): number {
  const ticks = place === "" ? undefined : computingTicks(place);
  return ticks === undefined ? performance.now() / 1000 / WALL_FACTOR : (ticks * TICK_MS) / 1000;
}

const thread = new ParquetThread();

const MIB = 2 ** 20;
/** Unpacked size allowed for any file. Beyond it, a file that grows by more than MOST_GROWTH was crafted to fill the memory. */
const ALWAYS_UNPACKED = 96 * MIB;
/** Maximum unpacked size of a row group of pictures, if all of it must be read for a single one. */
export const MOST_GROUP_BYTES: number = 2 ** 30;
/** A group exists three times: as stored, unpacked, and as values. */
const MOST_BYTES = 3 * MOST_GROUP_BYTES + ALWAYS_UNPACKED;
const MOST_GROWTH = 200;
/** Computing time allowed for any file, and in proportion to what is read. Actual reading takes a fiftieth of that. */
const ALWAYS_SECONDS = 0.8;
const BYTES_A_SECOND = 2 * MIB;
const ROWS_A_SECOND = 10_000;

const limitsOf = (stored: number, rows: number): Limits => ({
  mostBytes: Math.min(MOST_BYTES, ALWAYS_UNPACKED + MOST_GROWTH * stored),
  seconds: ALWAYS_SECONDS + stored / BYTES_A_SECOND + rows / ROWS_A_SECOND,
});

/** Reads the footer of a file of `size` bytes. Throws DatasetError for damage. */
export const readFooter = (path: string, size: number): Promise<ParquetFooter> =>
  thread.ask({
    kind: "open",
    path,
    ...limitsOf(Math.min(size, 64 * MIB), 0),
  }) as Promise<ParquetFooter>;

/**
 * Reads rows; JSON values are returned as text after {@link JSON_MARK}. Throws DatasetError for damage.
 * @param stored bytes of the file that are read for them
 */
export const readRows = (
  job: Omit<RowsJob, "kind" | keyof Limits>,
  stored: number,
): Promise<Record<string, unknown>[]> => {
  const { start, end } = job.group ?? job;
  return thread.ask({ kind: "rows", ...job, ...limitsOf(stored, end - start) }) as Promise<
    Record<string, unknown>[]
  >;
};
