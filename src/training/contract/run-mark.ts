import { BadFileError, quote } from "../../files/reading/errors.ts";

/** What a checkpoint says of the run that it belongs to. */
export interface RunMark {
  /** Tells the run from all others. */
  readonly id: string;
  /** SHA-256 of what its pictures were: see DataRecord. */
  readonly data: string;
  /** Its config. */
  readonly config: object;
}

/** Undefined where there is none, as in manifests of earlier releases. Throws BadFileError for anything else. */
export function parseRunMark(path: string, value: unknown): RunMark | undefined {
  if (value === undefined) return undefined;
  const { id, data, config } = Object(value) as Partial<Record<keyof RunMark, unknown>>;
  const isMark =
    typeof id === "string" &&
    typeof data === "string" &&
    DIGEST.test(data) && // a part of it names a file
    typeof config === "object" &&
    config !== null;
  if (isMark) return { id, data, config };
  throw new BadFileError(path, "run", "an id, the SHA-256 of its data and a config", quote(value));
}

const DIGEST = /^[0-9a-f]{64}$/;
