import { z } from "zod";
import { type SchemaOf, schemaOf } from "./filled.ts";
import type { AnyStageConfig } from "./stage-config.ts";
import {
  atLeastZero,
  count,
  decay,
  flag,
  listOf,
  oneOf,
  positive,
  text,
  wholeNumber,
} from "./value-schemas.ts";

const optimizer = z.strictObject(
  {
    lr: positive,
    betas: z.tuple([decay, decay], "two numbers from 0 to below 1").default([0.9, 0.999]),
    weightDecay: atLeastZero.default(0.03),
    eps: positive.default(1e-8),
  },
  "an object",
);

const loss = z
  .strictObject(
    {
      type: oneOf("epsilon", "epsilon+vlb", "v").default("epsilon+vlb"),
      minSnrGamma: positive.nullable().default(null),
      debiased: flag.default(false),
    },
    "an object",
  )
  .prefault({});

const common = {
  name: text.regex(
    /^[a-z0-9][a-z0-9._-]*$/,
    "lower-case letters, digits, dots, hyphens and underscores",
  ),
  resolution: count,
  batchSize: count,
  steps: count,
  schedule: z
    .strictObject(
      {
        type: oneOf("constant", "cosine", "linear").default("constant"),
        warmupSteps: wholeNumber.default(0),
      },
      "an object",
    )
    .prefault({}),
  gradientClip: positive.default(1),
  gradientAccumulation: count.default(1),
  gradientCheckpointing: flag.default(false),
  precision: oneOf("float32", "bfloat16").default("float32"),
  ema: z
    .strictObject({ decay: decay.default(0.999), warmup: flag.default(true) }, "an object")
    .prefault({}),
  checkpointEvery: count.default(500),
  keepCheckpoints: count.default(3),
  sampleEvery: count.nullable().default(500),
  validateEvery: count.nullable().default(null),
};

const kinds = ["autoencoder", "class-conditional", "text-to-image"] as const;

/** Checks one of `stages`; its `kind` says which fields it has. */
export const stageSchema: SchemaOf<AnyStageConfig> = schemaOf<AnyStageConfig>()(
  z.discriminatedUnion(
    "kind",
    [
      z.strictObject({
        kind: z.literal(kinds[0]),
        ...common,
        optimizer,
        klWeight: atLeastZero.default(1e-6),
      }),
      z.strictObject({
        kind: z.literal(kinds[1]),
        ...common,
        optimizer,
        loss,
        classDropout: decay.default(0.1),
      }),
      z.strictObject({
        kind: z.literal(kinds[2]),
        ...common,
        optimizer: optimizer.extend({ textEncoderLr: positive.nullable().default(null) }),
        loss,
        curated: flag.default(false),
        trainTextEncoder: flag.default(false),
        interpolationScale: positive.default(1),
      }),
    ],
    { error: (issue) => (issue.code === "invalid_union" ? listOf(kinds) : "an object") },
  ),
);
