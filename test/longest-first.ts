import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

/** The longest files, which begin first so that none of them is left running by itself at the end. */
const LONGEST = [
  "test/reliability/fault-sweep.test.ts",
  "test/integration/package.test.ts",
  "test/faults/processes.test.ts",
  "test/faults/training-kills.test.ts",
  "test/distributed/data-parallel.test.ts",
  "test/integration/second-device.test.ts",
  "test/reliability/fuzz.test.ts",
  "test/setup/gpu-script.test.ts",
  "test/integration/training-output.test.ts",
  "test/parity/training.test.ts",
  "test/faults/moved-runs.test.ts",
];

const rank = ({ moduleId }: TestSpecification): number => {
  const place = LONGEST.findIndex((name) => moduleId.endsWith(name));
  return place < 0 ? LONGEST.length : place;
};

/** Vitest's own order behind the longest files. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
