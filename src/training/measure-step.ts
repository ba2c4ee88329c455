import { basename, dirname, join, resolve } from "node:path";
import type { ParsedConfig } from "../config/index.ts";
import { makeFolder, makeTemporaryFolder } from "../files/make-folder.ts";
import { removeTree } from "../files/remove.ts";
import { train } from "./train.ts";

/** The first step takes longer than the rest. */
const STEPS = 5;

/**
 * Measures seconds per step of a config's only stage on this machine, with a few steps of a run in a temporary folder next to the
 * run folder.
 * @param cache where to keep the frozen encoders' output, so that it is computed once; discarded with the temporary run by
 *   default
 */
export async function measureStep(
  config: ParsedConfig,
  say: (line: string) => void,
  cache?: string,
): Promise<number> {
  const parent = dirname(resolve(config.workDir));
  await makeFolder(parent);
  const folder = await makeTemporaryFolder(parent, `${basename(config.workDir)}-measure`);
  const times: number[] = [];
  try {
    await train(shortened(config, folder, cache ?? join(folder, "cache")), {
      resume: false,
      resumeCommand: "",
      say,
      rehearsal: false,
      onStep: () => times.push(performance.now()),
    });
  } finally {
    await removeTree(folder);
  }
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  return (last - first) / 1000 / Math.max(1, times.length - 1);
}

function shortened(config: ParsedConfig, folder: string, cache: string): ParsedConfig {
  const [prompt = ""] = config.sampling.prompts;
  return {
    ...config,
    workDir: join(folder, "run"),
    dataset: { ...config.dataset, cache: { ...config.dataset.cache, folder: cache } },
    stages: config.stages.map((stage) => ({
      ...stage,
      steps: STEPS,
      schedule: { ...stage.schedule, warmupSteps: 0 },
      checkpointEvery: STEPS,
      sampleEvery: null,
      validationSamples: 0,
    })),
    sampling: { ...config.sampling, prompts: [prompt], steps: 1 },
  };
}
