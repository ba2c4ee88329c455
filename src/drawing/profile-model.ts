import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import type { DrawOrder, PreviewWay } from "../server/engine/engine-messages.ts";
import { draw } from "./draw.ts";

/** Batch sizes that are measured. */
const BATCHES = [2, 4, 8] as const;
/** Least gain per picture for which a larger batch is used. */
const LEAST_GAIN = 0.05;
/** Share of a step that a preview by the autoencoder itself may take. */
const CHEAP_PREVIEW = 0.2;
/** Milliseconds below which it is cheap, however short a step is. */
const CHEAP_MS = 50;
/** Steps per measurement; the first does not count. */
const STEPS = 3;
/** A shorter step is measured twice. */
const LITTLE_SECONDS = 0.5;
/** A batch is only measured if it is likely to take less than this. */
const MOST_SECONDS = 20;

/** What a model costs on this machine, in time. */
export interface ModelProfile {
  /** Largest batch in which each picture takes less time than in a smaller one. */
  readonly batch: number;
  readonly stepSeconds: number;
  /** Seconds to decode a picture. */
  readonly decodeSeconds: number;
}

/**
 * Times drawings of a few steps, of one picture and of several. The first step and the first decoding are not counted if a second
 * try costs little.
 */
export async function profileModel(
  pipe: PixArtAlphaPipeline,
  side: number,
  wanted: number | "auto",
): Promise<ModelProfile> {
  const first = await timed(pipe, side, 1);
  const alone = first.stepSeconds < LITTLE_SECONDS ? await timed(pipe, side, 1) : first;
  if (wanted !== "auto") return { ...alone, batch: wanted };
  let best = { batch: 1, seconds: alone.stepSeconds };
  for (const batch of BATCHES) {
    if (best.seconds * batch * STEPS > MOST_SECONDS) break;
    const { stepSeconds } = await timed(pipe, side, batch);
    const seconds = stepSeconds / batch;
    if (seconds <= best.seconds * (1 - LEAST_GAIN)) best = { batch, seconds };
  }
  return { ...alone, batch: best.batch };
}

/** The cheap preview: the autoencoder's own if decoding takes a small part of a step. */
export function choosePreview(
  { stepSeconds, decodeSeconds }: ModelProfile,
  hasTaesd: boolean,
): PreviewWay {
  const isCheap = decodeSeconds < CHEAP_PREVIEW * stepSeconds || decodeSeconds * 1000 <= CHEAP_MS;
  if (isCheap) return "full";
  return hasTaesd ? "taesd" : "linear";
}

async function timed(
  pipe: PixArtAlphaPipeline,
  side: number,
  batch: number,
): Promise<Omit<ModelProfile, "batch">> {
  const at: number[] = [];
  await draw(pipe, trial(pipe, side, batch), { onStep: () => at.push(performance.now()) });
  const end = performance.now();
  // Some samplers take more steps than they are asked for.
  const [first = end, last = end] = [at[0], at.at(-1)];
  const stepSeconds = (last - first) / 1000 / Math.max(1, at.length - 1);
  return { stepSeconds, decodeSeconds: (end - last) / 1000 / batch };
}

const trial = (
  { defaults }: PixArtAlphaPipeline,
  side: number,
  batch: number,
): Omit<DrawOrder, "id" | "model"> => ({
  pictures: Array.from({ length: batch }, (_, seed) => ({
    prompt: "a picture",
    negativePrompt: "",
    seed,
    previewSteps: [],
  })),
  settings: {
    steps: STEPS,
    guidanceScale: defaults.guidanceScale,
    width: side,
    height: side,
    adapters: [],
  },
  images: {},
});
