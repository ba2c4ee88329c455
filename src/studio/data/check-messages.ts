import type { DataReport } from "../api-types.ts";

/** What a process that looks at a data set is told. */
export interface CheckOrder {
  readonly folder: string;
  /** Side in pixels that pictures should have. */
  readonly size: number;
  /** A folder with the tokenizer of the base, where that is here. */
  readonly tokenizer: string | undefined;
  readonly job: string;
}

/** What it says. */
export type CheckMessage =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "done"; readonly report: DataReport }
  | { readonly type: "failed"; readonly message: string };
