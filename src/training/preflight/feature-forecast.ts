import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import { stageTexts } from "../dataset/stage-texts.ts";
import { type Example, stageExamples, type TrainingData } from "../dataset/training-data.ts";
import type { StageFootprint } from "../models/stage-footprint.ts";

/** Bytes of the frozen encoders' output for a data set. */
export interface FeatureForecast {
  readonly latents: number;
  readonly captions: number;
}

/** Number of captions whose tokens are counted; the rest are assumed to be similar. */
const COUNTED = 1000;
const BYTES_OF = { float32: 4, bfloat16: 2 } as const;

/**
 * Bytes that a run's complete feature cache takes, from shapes alone. Random crops of non-square pictures are included, although
 * they cannot be cached.
 * @param tokenizer counts the tokens of captions; without one, the maximum is assumed for each
 */
export function forecastFeatures(
  config: ResolvedConfig,
  data: TrainingData,
  shapes: ReadonlyMap<ResolvedStage, StageFootprint>,
  tokenizer: T5Tokenizer | undefined,
): FeatureForecast {
  // Stages that prepare their pictures in the same way share features.
  const latents = new Map<string, { examples: Set<Example>; bytes: number }>();
  const captions = new Map<string, { texts: Set<string>; bytes: number }>();
  for (const [stage, { latents: shape, captions: states }] of shapes) {
    const own = stageExamples(stage, data);
    const prior = stage.kind === "text-to-image" ? data.prior : [];
    const examples = [...own.train, ...own.heldout, ...prior];
    if (shape !== null && config.dataset.cache.latents) {
      const { horizontalFlip, resample } = stage.transform;
      const isAspect = stage.kind === "text-to-image" && stage.aspectRatios;
      const key = [stage.resolution, resample, isAspect].join();
      const sides = horizontalFlip > 0 ? 2 : 1;
      // Mean and deviation, float32. Buckets have about as many pixels as the square.
      // A ControlNet's conditions are encoded in addition to the pictures.
      const kinds = stage.kind === "text-to-image" && stage.controlnet !== null ? 2 : 1;
      const bytes = kinds * sides * 2 * 4 * shape.channels * shape.size ** 2;
      const known = latents.get(key);
      latents.set(key, {
        examples: new Set([...(known?.examples ?? []), ...examples]),
        bytes: Math.max(bytes, known?.bytes ?? 0),
      });
    }
    if (states !== null) {
      const texts = stageTexts(config, { ...own, prior });
      const bytes = states.width * BYTES_OF[states.dtype === "float32" ? "float32" : "bfloat16"];
      const known = captions.get(states.dtype);
      captions.set(states.dtype, { texts: new Set([...(known?.texts ?? []), ...texts]), bytes });
    }
  }
  const { maxLength } = config.tokenizer;
  return {
    latents: sum([...latents.values()].map(({ examples, bytes }) => examples.size * bytes)),
    captions: sum(
      [...captions.values()].map(
        ({ texts, bytes }) => tokensOf([...texts], maxLength, tokenizer) * bytes,
      ),
    ),
  };
}

function tokensOf(
  texts: readonly string[],
  maxLength: number,
  tokenizer: T5Tokenizer | undefined,
): number {
  // A token has at least one character, and there is an end token.
  if (tokenizer === undefined) return sum(texts.map((t) => Math.min(maxLength, t.length + 1)));
  const every = Math.max(1, Math.floor(texts.length / COUNTED));
  const chosen = texts.filter((_, i) => i % every === 0);
  const options = { maxLength, padding: "longest" } as const;
  const { lengths } = tokenizer.encode(chosen, options);
  return Math.ceil((texts.length / chosen.length) * sum(lengths));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
