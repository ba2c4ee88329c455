import { z } from "zod";
import { type SchemaOf, schemaOf } from "../options/filled.ts";
import type {
  OptimizerConfig,
  ScheduleConfig,
  TextToImageOptimizerConfig,
} from "../options/optimizer-config.ts";
import {
  atLeastZero,
  count,
  decay,
  flag,
  listOf,
  oneOf,
  positive,
  probability,
  wholeNumber,
} from "./value-schemas.ts";

const twoDecays = z.tuple([decay, decay], "two numbers from 0 to below 1");
const twoEps = z.tuple([atLeastZero, atLeastZero], "two numbers of at least 0");
const belowZero = z.number("a number below 0").negative("a number below 0");

const types = ["adamw", "came", "adafactor", "lion", "prodigy", "muon"] as const;

const fields = {
  adamw: {
    type: z.literal(types[0]).default("adamw"),
    lr: positive,
    betas: twoDecays.default([0.9, 0.999]),
    weightDecay: atLeastZero.default(0.03),
    eps: positive.default(1e-8),
  },
  came: {
    type: z.literal(types[1]),
    lr: positive,
    betas: z
      .tuple([decay, decay, decay], "three numbers from 0 to below 1")
      .default([0.9, 0.999, 0.9999]),
    weightDecay: atLeastZero.default(0),
    eps: twoEps.default([1e-30, 1e-16]),
    clipThreshold: positive.default(1),
  },
  adafactor: {
    type: z.literal(types[2]),
    lr: positive,
    beta2Decay: belowZero.default(-0.8),
    weightDecay: atLeastZero.default(0),
    eps: twoEps.default([2 ** -23, 1e-3]),
    clipThreshold: positive.default(1),
  },
  lion: {
    type: z.literal(types[3]),
    lr: positive,
    betas: twoDecays.default([0.9, 0.99]),
    weightDecay: atLeastZero.default(0),
  },
  prodigy: {
    type: z.literal(types[4]),
    lr: positive.default(1),
    betas: twoDecays.default([0.9, 0.999]),
    beta3: decay.nullable().default(null),
    weightDecay: atLeastZero.default(0),
    eps: positive.default(1e-8),
    d0: positive.default(1e-6),
    dCoef: positive.default(1),
    growthRate: z.number("a number above 1").gt(1, "a number above 1").nullable().default(null),
    biasCorrection: flag.default(false),
    safeguardWarmup: flag.default(false),
  },
  muon: {
    type: z.literal(types[5]),
    lr: positive,
    momentum: decay.default(0.95),
    nesterov: flag.default(true),
    nsSteps: count.default(5),
    weightDecay: atLeastZero.default(0.1),
    adjustLr: oneOf("match-rms-adamw", "original").default("match-rms-adamw"),
    betas: twoDecays.default([0.9, 0.999]),
    eps: positive.default(1e-8),
  },
};

/** The message of a value that is none of the alternatives that `type` tells apart. */
export const unlessOneOf =
  (alternatives: readonly string[]) =>
  (issue: { readonly code?: string | undefined }): string =>
    issue.code === "invalid_union" ? listOf(alternatives) : "an object";

/** Checks an optimizer; its `type` says which fields it has. */
export const optimizerSchema: SchemaOf<OptimizerConfig> = schemaOf<OptimizerConfig>()(
  z.discriminatedUnion(
    "type",
    [
      z.strictObject(fields.adamw, "an object"),
      z.strictObject(fields.came, "an object"),
      z.strictObject(fields.adafactor, "an object"),
      z.strictObject(fields.lion, "an object"),
      z.strictObject(fields.prodigy, "an object"),
      z.strictObject(fields.muon, "an object"),
    ],
    { error: unlessOneOf(types) },
  ),
);

const forEncoder = { textEncoderLr: positive.nullable().default(null) };

/** The same, of a stage that may train the text encoder too. */
export const textToImageOptimizerSchema: SchemaOf<TextToImageOptimizerConfig> =
  schemaOf<TextToImageOptimizerConfig>()(
    z.discriminatedUnion(
      "type",
      [
        z.strictObject({ ...fields.adamw, ...forEncoder }, "an object"),
        z.strictObject({ ...fields.came, ...forEncoder }, "an object"),
        z.strictObject({ ...fields.adafactor, ...forEncoder }, "an object"),
        z.strictObject({ ...fields.lion, ...forEncoder }, "an object"),
        z.strictObject({ ...fields.prodigy, ...forEncoder }, "an object"),
        z.strictObject({ ...fields.muon, ...forEncoder }, "an object"),
      ],
      { error: unlessOneOf(types) },
    ),
  );

/** Checks a learning-rate schedule. */
export const scheduleSchema: SchemaOf<ScheduleConfig> = schemaOf<ScheduleConfig>()(
  z.discriminatedUnion(
    "type",
    [
      z.strictObject(
        {
          type: oneOf("constant", "cosine", "linear").default("constant"),
          warmupSteps: wholeNumber.default(0),
        },
        "an object",
      ),
      z.strictObject(
        {
          type: z.literal("cosine-to-constant"),
          warmupSteps: wholeNumber.default(0),
          decayPortion: probability.default(0.667),
          finalFactor: probability,
        },
        "an object",
      ),
    ],
    { error: unlessOneOf(["constant", "cosine", "linear", "cosine-to-constant"]) },
  ),
);
