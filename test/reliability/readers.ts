import type { FuzzedReader } from "./fuzzed-reader.ts";
import { readersOfData } from "./readers-of-data.ts";
import { readersOfModels } from "./readers-of-models.ts";
import { readersOfRuns } from "./readers-of-runs.ts";
import { readersOfWeights } from "./readers-of-weights.ts";

/** All readers of files that come from elsewhere, or lie where others write. */
export const readers: readonly FuzzedReader[] = [
  ...readersOfWeights,
  ...readersOfData,
  ...readersOfModels,
  ...readersOfRuns,
];
