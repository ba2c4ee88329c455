import { z } from "zod";
import { type SchemaOf, schemaOf } from "../options/filled.ts";
import { CONFIG_LIMITS } from "../options/limits.ts";
import type { AnyStageConfig, StageAdapterConfig } from "../options/stage-config.ts";
import { lossSchema, noiseSchema, timestepsSchema } from "./denoising-schema.ts";
import {
  optimizerSchema,
  scheduleSchema,
  textToImageOptimizerSchema,
  unlessOneOf,
} from "./optimizer-schema.ts";
import {
  aboveOne,
  atLeastZero,
  count,
  countUpTo,
  decay,
  flag,
  oneOf,
  positive,
  probability,
  text,
  wholeNumber,
  wholeNumberUpTo,
} from "./value-schemas.ts";

const interval = z.union(
  [
    countUpTo(CONFIG_LIMITS.steps),
    z.strictObject({
      epochs: positive.max(CONFIG_LIMITS.epochs, `a number up to ${CONFIG_LIMITS.epochs}`),
    }),
  ],
  "a positive integer or { epochs: a number above 0 }",
);

const consistency = z.strictObject(
  {
    guidanceScale: atLeastZero.default(4.5),
    solverSteps: count.default(50),
    huberC: positive.default(0.001),
  },
  "an object",
);

const controlnet = z.strictObject(
  { blocks: count.default(13), condition: oneOf("given", "edges").default("given") },
  "an object",
);

/** Schema for an adapter on a model whose adapted layers default to `targets`. */
const adapterOn = (targets: readonly string[]): SchemaOf<StageAdapterConfig> =>
  schemaOf<StageAdapterConfig>()(
    z.strictObject(
      {
        type: oneOf("lora", "dora", "loha", "lokr", "oft"),
        r: wholeNumber.nullable().default(null),
        alpha: positive.nullable().default(null),
        targetModules: z
          .array(text, "a list of layers")
          .min(1, "at least one layer")
          .default([...targets]),
      },
      "an object",
    ),
  );

const common = {
  name: text.regex(
    /^[a-z0-9][a-z0-9._-]*$/,
    "lower-case letters, digits, dots, hyphens and underscores",
  ),
  resolution: countUpTo(CONFIG_LIMITS.resolution),
  batchSize: countUpTo(CONFIG_LIMITS.batchSize),
  steps: interval,
  schedule: scheduleSchema.prefault({}),
  gradientClip: positive.default(1),
  gradientAccumulation: countUpTo(CONFIG_LIMITS.gradientAccumulation).default(1),
  shardOptimizer: flag.default(false),
  gradientCheckpointing: flag.default(false),
  precision: oneOf("auto", "float32", "bfloat16").default("float32"),
  ema: z
    .strictObject({ decay: decay.default(0.999), warmup: flag.default(true) }, "an object")
    .nullable()
    .prefault({}),
  checkpointEvery: interval.default(500),
  keepCheckpoints: count.default(3),
  keepBest: flag.default(true),
  sampleEvery: interval.nullable().default(500),
  validateEvery: interval.nullable().default(null),
  validationSamples: wholeNumberUpTo(CONFIG_LIMITS.validationSamples).default(256),
  spikes: z
    .strictObject(
      { factor: aboveOne.default(10), window: countUpTo(CONFIG_LIMITS.window).default(100) },
      "an object",
    )
    .nullable()
    .prefault({}),
  transform: z
    .strictObject(
      {
        resample: oneOf("bilinear", "bicubic", "lanczos").default("lanczos"),
        crop: oneOf("center", "random").default("center"),
        horizontalFlip: probability.default(0),
      },
      "an object",
    )
    .prefault({}),
};

const denoising = {
  loss: lossSchema.prefault({}),
  noise: noiseSchema.prefault({}),
  timesteps: timestepsSchema.prefault({}),
};

const kinds = ["autoencoder", "class-conditional", "text-to-image"] as const;

/** Checks one of `stages`; its `kind` determines which fields it has. */
export const stageSchema: SchemaOf<AnyStageConfig> = schemaOf<AnyStageConfig>()(
  z.discriminatedUnion(
    "kind",
    [
      z.strictObject({
        kind: z.literal(kinds[0]),
        ...common,
        optimizer: optimizerSchema,
        klWeight: atLeastZero.default(1e-6),
      }),
      z.strictObject({
        kind: z.literal(kinds[1]),
        ...common,
        optimizer: optimizerSchema,
        ...denoising,
        classDropout: decay.default(0.1),
      }),
      z.strictObject({
        kind: z.literal(kinds[2]),
        ...common,
        optimizer: textToImageOptimizerSchema,
        ...denoising,
        curated: flag.default(false),
        aspectRatios: flag.default(false),
        priorLossWeight: atLeastZero.default(1),
        trainTextEncoder: flag.default(false),
        adapter: adapterOn(["to_q", "to_k", "to_v", "to_out.0"]).nullable().default(null),
        textEncoderAdapter: adapterOn(["q", "v"]).nullable().default(null),
        controlnet: controlnet.nullable().default(null),
        consistency: consistency.nullable().default(null),
        interpolationScale: positive.nullable().default(null),
      }),
    ],
    { error: unlessOneOf(kinds) },
  ),
);
