import { configDifferences } from "../../config/checks/run-differences.ts";
import type { Comparison, RunLine } from "../api-types.ts";
import type { LiveRun } from "./live-run.ts";

/** Two runs and the differences of their configs. */
export const compareRuns = (
  [a, b]: readonly [a: LiveRun, b: LiveRun],
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
