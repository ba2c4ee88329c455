import { join } from "node:path";
import { z } from "zod";
import { GOALS } from "../../config/goals/goal-config.ts";
import type { TextToImageStageConfig } from "../../config/options/stage-config.ts";
import type { DatasetConfig, TrainConfig } from "../../config/options/train-config.ts";
import { badValue } from "../../server/http/api-error.ts";
import type { StartRequest } from "../api-types.ts";
import { bases } from "./bases.ts";

const MOST_MINUTES = 60 * 24 * 30;
const LONGEST = 200;
/** A folder name that is valid and unambiguous on every system. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;
/** Fields of a config that a page may set: none of them determines what is read, written or run. */
const OF_A_RUN: ReadonlySet<string> = new Set<keyof TrainConfig>([
  ...(["seed", "threads", "whenFull", "sampling", "publish"] as const),
]);
/** How pictures are used. */
const OF_THE_DATA: ReadonlySet<string> = new Set<keyof DatasetConfig>([
  ...(["captionDropout", "denseCaptionProbability", "cleanCaptions", "heldoutShare"] as const),
  "maxUnreadable",
]);
/** How a stage trains, but not its name and kind. */
const OF_A_STAGE: ReadonlySet<string> = new Set<keyof TextToImageStageConfig>([
  ...(["resolution", "batchSize", "steps", "optimizer", "schedule", "transform"] as const),
  ...(["gradientClip", "gradientAccumulation", "gradientCheckpointing", "precision"] as const),
  ...(["checkpointEvery", "keepCheckpoints", "keepBest", "sampleEvery", "validateEvery"] as const),
  "validationSamples",
  ...(["ema", "spikes", "loss", "noise", "timesteps", "curated", "aspectRatios"] as const),
  ...(["priorLossWeight", "trainTextEncoder", "adapter", "textEncoderAdapter"] as const),
  ...(["controlnet", "consistency", "interpolationScale", "shardOptimizer"] as const),
]);

/** Whether a page may set a config path. Whole stages it may not: their values could set any field. */
function isFromAPage(path: string): boolean {
  const [first = "", second = "", third = ""] = path.split(".");
  if (!/^\w+(\.\w+)*$/.test(path)) return false;
  if (first === "stages") return /^\d+$/.test(second) && OF_A_STAGE.has(third);
  return first === "dataset" ? OF_THE_DATA.has(second) : OF_A_RUN.has(first);
}

const NAMED = "a name of letters, digits, dots, hyphens and underscores";

/** The body of `POST /api/runs`. */
export const startRequest = z.strictObject({
  name: z.string().regex(NAME, NAMED),
  folder: z.string().min(1).max(4096),
  base: z.string().min(1).max(LONGEST),
  goal: z.enum(GOALS),
  minutes: z.number().min(1).max(MOST_MINUTES),
  word: z.string().trim().min(1).max(LONGEST).optional(),
  overrides: z.record(z.string().max(LONGEST), z.string().max(LONGEST)).optional(),
  dry: z.boolean(),
});

/** The body of `POST /api/runs/{id}/publish`. */
export const publishRequest = z.strictObject({ name: z.string().regex(NAME, NAMED) });

/** The body of `POST /api/data/check`. */
export const checkRequest = z.strictObject({
  folder: z.string().min(1).max(4096),
  /** The base whose text encoder and size count; by default the first. */
  base: z.string().max(LONGEST).optional(),
});

/** The body of `POST /api/runs/{id}/control`. */
export const controlRequest = z.strictObject({ do: z.enum(["stop", "save", "sample"]) });

/** The body of `POST /api/session`. */
export const sessionRequest = z.strictObject({ key: z.string().min(1).max(1024) });

/**
 * Arguments of the equivalent command. Throws an ApiError for a base that is not offered, and for overrides that a page may not
 * set.
 * @param folder of the pictures, already checked to be readable by the page
 * @param root in which the run folder is created
 */
export function finetuneArguments(
  { name, base, goal, minutes, word, overrides = {} }: StartRequest,
  folder: string,
  root: string,
): string[] {
  const known = bases().map((each) => each.name);
  if (!known.includes(base)) throw badValue(`one of ${known.join(", ")}`, "base", base);
  const pairs = Object.entries(overrides);
  for (const [path] of pairs) {
    if (!isFromAPage(path))
      throw badValue("paths of a config that a page may set", "overrides", path);
  }
  return [
    ...["finetune", base, folder, "--goal", goal, "--minutes", String(minutes)],
    ...(word === undefined ? [] : [`--word=${word}`]),
    ...["--work-dir", join(root, name)],
    ...(pairs.length === 0
      ? []
      : ["--cfg-options", ...pairs.map(([path, value]) => `${path}=${value}`)]),
  ];
}
