import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../../files/make-below.ts";
import { linesToBytes } from "../../files/reading/lines.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { isStop } from "../contract/stopped.ts";
import type { RunFolder } from "../run-folder/run-folder.ts";
import { DataRecord, type RecordOptions } from "./data-record.ts";
import type { TrainingData } from "./training-data.ts";

/** Folder of the data records in a run folder. */
export const DATA_FOLDER = "data";

/** A data record in a run folder, by digest. */
export const recordPath = (run: string, digest: string): string =>
  join(run, DATA_FOLDER, `${digest.slice(0, 16)}.jsonl`);

/** Records a run's data, using hashes that its folder already has. Writes nothing. */
export async function recordOf(
  run: string,
  data: TrainingData,
  options: RecordOptions,
): Promise<DataRecord> {
  await recallContents(run, data);
  return DataRecord.of(data, options);
}

/** Takes what an earlier process of the run knew of its pictures, so that unchanged ones need not be read. */
export const recallContents = (run: string, { contents }: TrainingData): Promise<void> =>
  contents.recall(knownPath(run));

const knownPath = (run: string): string => join(run, DATA_FOLDER, "known.jsonl");

/** While pictures are read, known hashes are saved at this interval, so they need not be recomputed however the process ends. */
const NOTED_EVERY_MS = 5 * 60_000;

/** A run's data, by names and hashes, and the records of it in the run folder. */
export class RunData {
  readonly #run: RunFolder;
  readonly #data: TrainingData;
  readonly #say: (line: string) => void;
  #record: DataRecord | undefined;

  constructor(run: RunFolder, data: TrainingData, say: (line: string) => void) {
    this.#run = run;
    this.#data = data;
    this.#say = say;
  }

  /** The data as of the first call. Throws the signal's reason if it is aborted. */
  async record(signal: AbortSignal): Promise<DataRecord> {
    if (this.#record !== undefined) return this.#record;
    let noted = performance.now();
    const afterEach = async (): Promise<void> => {
      if (performance.now() - noted < NOTED_EVERY_MS) return;
      noted = performance.now();
      await this.#note();
    };
    try {
      this.#record = await recordOf(this.#run.path, this.#data, {
        say: this.#say,
        signal,
        afterEach,
      });
    } catch (error) {
      if (isStop(error, signal)) await this.#note();
      throw error;
    }
    await this.#note();
    return this.#record;
  }

  async #note(): Promise<void> {
    this.#makeFolder();
    await this.#data.contents.note(knownPath(this.#run.path));
  }

  /** Saves the record for the checkpoints to come and returns its digest. */
  async keep(signal: AbortSignal): Promise<string> {
    const isRecorded = this.#record !== undefined;
    const record = await this.record(signal);
    if (isRecorded) await this.#note(); // with what preparing has read since
    const file = recordPath(this.#run.path, record.digest);
    this.#makeFolder();
    if (!existsSync(file)) await replaceFile(file, linesToBytes(record.lines()));
    return record.digest;
  }

  #makeFolder(): void {
    this.#run.requireHeld();
    makeBelow(this.#run.path, DATA_FOLDER);
  }
}
