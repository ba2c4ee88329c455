/** What the rows on a GPU leave in a file, one after the other, for the report. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Measured } from "../measure.ts";

/** A row, measured or not. */
export interface GpuResult {
  readonly name: string;
  readonly what: string;
  readonly rounds: number;
  readonly pictures?: number | undefined;
  /** Floating-point operations of a run. */
  readonly flops?: number | undefined;
  readonly measured: readonly Measured[];
  /** Why there is no number. */
  readonly reason?: string | undefined;
}

/** The rows of a run. */
export interface GpuResults {
  readonly device: string;
  readonly tiny: boolean;
  readonly versions: string;
  readonly rows: readonly GpuResult[];
}

/** Whole at any moment: the run may be ended. */
export function writeResults(path: string, results: GpuResults): void {
  writeFileSync(`${path}.part`, `${JSON.stringify(results, null, 2)}\n`);
  renameSync(`${path}.part`, path);
}

/** Of {@link writeResults}. */
export const readResults = (path: string): GpuResults =>
  JSON.parse(readFileSync(path, "utf8")) as GpuResults;
