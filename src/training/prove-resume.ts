import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { configToJson, type ParsedConfig, resolveEpochs } from "../config/index.ts";
import { withPrecision } from "../config/with-precision.ts";
import { WorkerEndedError } from "../errors/index.ts";
import { makeFolder, makeTemporaryFolder } from "../files/make-folder.ts";
import { writeNewFile } from "../files/new-file.ts";
import { moduleArguments } from "../files/processes/module-arguments.ts";
import { removeTree } from "../files/remove.ts";
import { fastestDType } from "../torch/index.ts";
import { stageCheckpoints, stepName } from "./checkpoints/checkpoint-folder.ts";
import { MANIFEST_NAME, parseManifest } from "./contract/checkpoint-manifest.ts";
import { fitToBase } from "./preflight/base-fit.ts";
import { readEvents } from "./run-folder/event-log.ts";
import { foldEvents } from "./run-folder/fold-events.ts";
import { CHECKPOINTS_FOLDER } from "./run-folder/run-files.ts";
import { EVENTS_FILE } from "./run-folder/run-folder.ts";

/** What one process of a proof has to do. */
export interface ProofRun {
  readonly config: string;
  readonly workDir: string;
  readonly resume: boolean;
  /** Kills itself after this step. */
  readonly killAfter: { readonly stage: string; readonly step: number } | null;
}

/** What differs between an interrupted run and an uninterrupted one, for one stage; empty if they are equal to the last bit. */
export interface StageVerdict {
  readonly stage: string;
  readonly differs: readonly string[];
}

/**
 * Trains every stage of a config for 2 · `steps` steps twice, each time in separate processes: once without interruption, and
 * once killed (SIGKILL) in each stage and resumed. Then compares the results. Samples are reduced to one picture of one step,
 * since they do not affect training. The temporary folder lies next to the run folder and is deleted afterwards.
 */
export async function proveResume(
  config: ParsedConfig,
  steps: number,
  say: (line: string) => void,
): Promise<StageVerdict[]> {
  const parent = dirname(resolve(config.workDir));
  await makeFolder(parent);
  const folder = await makeTemporaryFolder(parent, `${basename(config.workDir)}-prove-resume`);
  try {
    const { config: fitted } = await fitToBase(config);
    const precise = withPrecision(fitted, () => fastestDType(fitted.device));
    const short = resolveEpochs(shortened(precise, steps, folder), () => 0);
    const file = join(folder, "config.json");
    await writeNewFile(file, [Buffer.from(configToJson(short))]);
    const straight = join(folder, "straight");
    const broken = join(folder, "broken");
    say(`Uninterrupted: ${2 * steps} steps of each stage`);
    await runProcess({ config: file, workDir: straight, resume: false, killAfter: null });
    const step = steps + Math.ceil(steps / 2);
    for (const [i, { name }] of short.stages.entries()) {
      say(`Interrupted: killed after step ${step} of stage "${name}"`);
      const killAfter = { stage: name, step };
      await runProcess({ config: file, workDir: broken, resume: i > 0, killAfter });
    }
    say(`Resumed after step ${steps}, to the end`);
    await runProcess({ config: file, workDir: broken, resume: true, killAfter: null });
    return short.stages.map(({ name }) => compareStage(straight, broken, name, 2 * steps));
  } finally {
    await removeTree(folder);
  }
}

function shortened(config: ParsedConfig, steps: number, folder: string): ParsedConfig {
  const [prompt = ""] = config.sampling.prompts;
  return {
    ...config,
    dataset: {
      ...config.dataset,
      cache: {
        ...config.dataset.cache,
        folder: config.dataset.cache.folder ?? join(folder, "cache"),
      },
    },
    stages: config.stages.map((stage) => ({
      ...stage,
      steps: 2 * steps,
      schedule: {
        ...stage.schedule,
        warmupSteps: Math.min(stage.schedule.warmupSteps, 2 * steps),
      },
      checkpointEvery: steps,
      keepCheckpoints: 2,
      sampleEvery: null,
      validateEvery: null,
    })),
    sampling: { ...config.sampling, prompts: [prompt], steps: 1 },
  };
}

/** Resolves when the process ends; throws with its last output if it ended in an unexpected way. */
async function runProcess(run: ProofRun): Promise<void> {
  const script = new URL(`./prove-resume-process${extname(import.meta.url)}`, import.meta.url);
  const child = spawn(process.execPath, [...moduleArguments(script), JSON.stringify(run)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const outcome = await new Promise<string>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => done(signal ?? String(code)));
  });
  const wanted = run.killAfter === null ? "0" : "SIGKILL";
  if (outcome === wanted) return;
  const last = said.trim().split("\n").slice(-10).join("\n");
  throw new WorkerEndedError(
    `Expected the run to end with ${wanted} but it ended with ${outcome}:\n${last}`,
  );
}

/** Compares the last checkpoints' files by hash, and the losses of every step. */
export function compareStage(
  straight: string,
  broken: string,
  stage: string,
  lastStep: number,
): StageVerdict {
  const manifestOf = (run: string): ReturnType<typeof parseManifest> => {
    const all = stageCheckpoints(join(run, CHECKPOINTS_FOLDER), stage);
    const folder = join(all, stepName(lastStep));
    const path = join(folder, MANIFEST_NAME);
    return parseManifest(path, readFileSync(path, "utf8"));
  };
  const lossesOf = (run: string): unknown[] =>
    foldEvents(readEvents(join(run, EVENTS_FILE))).flatMap((event) =>
      event.type === "step" && event.stage === stage
        ? [[event.step, event.loss, event.gradNorm, event.lossParts]]
        : [],
    );
  const [a, b] = [manifestOf(straight), manifestOf(broken)];
  const files = a.files.map(({ name, sha256 }) => [name, sha256] as const);
  const others = new Map(b.files.map(({ name, sha256 }) => [name, sha256]));
  return {
    stage,
    differs: [
      ...files.flatMap(([name, sha256]) => (others.get(name) === sha256 ? [] : [name])),
      ...(files.length === others.size ? [] : ["the list of files"]),
      ...(isDeepStrictEqual(a.state, b.state) ? [] : ["the state in the manifest"]),
      ...(isDeepStrictEqual(lossesOf(straight), lossesOf(broken)) ? [] : ["the losses"]),
    ],
  };
}
