import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { SchemaElement } from "hyparquet";
import { DatasetError } from "../../../errors/index.ts";
import { threadScript } from "../../../files/package/package-folder.ts";
import { JobThread } from "../../../images/job-thread.ts";

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
  /** Tells the file from another one of its name, and from itself when it was changed. */
  readonly identity: string;
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
  /** As its footer said. */
  readonly identity: string;
  /** The names of each leaf's path with NUL between. */
  readonly leaves: readonly string[];
  /** Those of them that are read as they are stored, whatever their type. */
  readonly plain: readonly string[];
  readonly start: number;
  readonly end: number;
  /** The rows of a group that they are a part of, which is decoded once for all its parts. */
  readonly group?: { readonly start: number; readonly end: number };
}

/** What the worker is asked; "place" by which the system says how long the thread has computed, `123/task/456`. */
export type ParquetJob = OpenJob | RowsJob | { readonly kind: "place" };

type Answer = { readonly value: unknown } | { readonly error: string };

/** Stands before the text of a value of type JSON; no file can know it. */
export const JSON_MARK: string = `json:${randomBytes(12).toString("hex")}:`;

/** For the objects of some ten thousand rows: rows are asked for in parts. */
const HEAP = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32 };
const LOOK_EVERY_MS = 50;
/** Where the system does not say how long a thread has computed, other work may have taken this many times as long. */
const WALL_FACTOR = 10;
/** A disk or a server that does not answer for so long and ten times what computing may take does not answer. */
const PATIENCE_SECONDS = 600;

/**
 * The thread that reads parquet files, one after another: their reader can be made to run for ever, or to fill the memory, and a
 * thread can be ended.
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
    this.#last = asked.catch(() => {}); // told to who asked
    return asked;
  }

  async #run(job: OpenJob | RowsJob): Promise<unknown> {
    // Before the clock is looked at: what it takes to start is not the file's.
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
        ? new DatasetError("more memory is needed to read it than its rows can take")
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

/** Seconds that a thread has computed, or that have passed where nobody counts that. */
function clock(place: string): number {
  const ticks = place === "" ? undefined : threadTicks(place);
  return ticks === undefined ? performance.now() / 1000 / WALL_FACTOR : ticks / 100;
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
/** What is unpacked of little. Beyond, what grows by more was made to fill the memory. */
const ALWAYS_UNPACKED = 96 * MIB;
/** What a row group of pictures may have when unpacked, where all of it must be read for one. */
export const MOST_GROUP_BYTES: number = 2 ** 30;
/** A group is there as it is stored, unpacked, and as values. */
const MOST_BYTES = 3 * MOST_GROUP_BYTES + ALWAYS_UNPACKED;
const MOST_GROWTH = 200;
/** Computing that any file may take, and what it may take by what is read. Reading takes a fiftieth of that. */
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
 * Reads rows; values of type JSON are text behind {@link JSON_MARK}. Throws DatasetError for damage.
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
