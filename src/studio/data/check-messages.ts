import type { DataReport } from "../api-types.ts";

/** Request to a process that checks a data set. */
export interface CheckOrder {
  readonly folder: string;
  /** Folders outside of which nothing is read. */
  readonly within: readonly string[];
  /** Name of the base that they are checked for. */
  readonly base: string;
  /** Side in pixels that pictures should have. */
  readonly size: number;
  /** A folder with the base's tokenizer, if available locally. */
  readonly tokenizer: string | undefined;
  readonly job: string;
}

/** Messages from the process. */
export type CheckMessage =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "done"; readonly report: DataReport }
  | { readonly type: "failed"; readonly message: string };
