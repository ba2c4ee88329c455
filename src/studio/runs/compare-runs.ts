import { configDifferences } from "../../config/checks/run-differences.ts";
import type { Comparison, RunLine } from "../api-types.ts";
import type { ReadRun } from "./read-run.ts";

/** Two runs and the differences of their configs. */
export const compareRuns = (
  [a, b]: readonly [a: ReadRun, b: ReadRun],
  [lineA, lineB]: readonly [a: RunLine, b: RunLine],
): Comparison => ({
  a: lineA,
  b: lineB,
  differences: configDifferences(a.config, b.config).map(({ place, values: [left, right] }) => ({
    path: place,
    a: left ?? null,
    b: right ?? null,
  })),
});
