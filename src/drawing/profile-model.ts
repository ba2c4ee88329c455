import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import type { DrawOrder, PreviewWay } from "../server/engine/engine-messages.ts";
import { draw } from "./draw.ts";

/** Numbers of pictures at once that are tried. */
const BATCHES = [2, 4, 8] as const;
/** What a larger batch must gain a picture to be taken. */
const LEAST_GAIN = 0.05;
/** Share of a step that a preview by the autoencoder itself may take. */
const CHEAP_PREVIEW = 0.2;
/** Milliseconds within which it is cheap however short a step is. */
const CHEAP_MS = 50;
/** Of a try: the first is not counted. */
const STEPS = 3;
/** A step that takes less is tried twice. */
const LITTLE_SECONDS = 0.5;
/** A batch is tried where it is likely to take no longer than this. */
const MOST_SECONDS = 20;

/** What a model costs on this machine. */
export interface ModelProfile {
  /** Most pictures at once of which each takes less time than in a smaller batch. */
  readonly batch: number;
  readonly stepSeconds: number;
  /** Seconds to decode a picture. */
  readonly decodeSeconds: number;
}

/**
 * Draws pictures of a few steps, alone and at once, and looks at the clock. What the first step and the first decoding take is not
 * counted where a second try costs little.
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

/** The preview that costs little: the autoencoder's own where decoding takes a small part of a step. */
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
  await draw(pipe, trial(side, batch), { onStep: () => at.push(performance.now()) });
  const end = performance.now();
  const [first = end, , last = end] = at;
  return { stepSeconds: (last - first) / 2000, decodeSeconds: (end - last) / 1000 / batch };
}

const trial = (side: number, batch: number): Omit<DrawOrder, "id" | "model"> => ({
  pictures: Array.from({ length: batch }, (_, seed) => ({
    prompt: "a picture",
    negativePrompt: "",
    seed,
    previewSteps: [],
  })),
  settings: { steps: STEPS, guidanceScale: 4.5, width: side, height: side, adapters: [] },
  images: {},
});
