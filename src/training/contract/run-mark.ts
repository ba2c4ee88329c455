import { BadFileError, quote } from "../../files/reading/errors.ts";

/** What a checkpoint records about its run. */
export interface RunMark {
  /** Unique ID of the run. */
  readonly id: string;
  /** SHA-256 of the run's pictures: see DataRecord. */
  readonly data: string;
  /** Its config. */
  readonly config: object;
}

/** Undefined if there is none, as in manifests of earlier versions. Throws BadFileError for anything else. */
export function parseRunMark(path: string, value: unknown): RunMark | undefined {
  if (value === undefined) return undefined;
  const { id, data, config } = Object(value) as Partial<Record<keyof RunMark, unknown>>;
  const isMark =
    typeof id === "string" &&
    typeof data === "string" &&
    DIGEST.test(data) && // part of it becomes a file name
    typeof config === "object" &&
    config !== null;
  if (isMark) return { id, data, config };
  throw new BadFileError(path, "run", "an id, the SHA-256 of its data and a config", quote(value));
}

const DIGEST = /^[0-9a-f]{64}$/;
