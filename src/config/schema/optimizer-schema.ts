import { z } from "zod";
import {
  ADAFACTOR_DEFAULTS,
  ADAMW_DEFAULTS,
  CAME_DEFAULTS,
  LION_DEFAULTS,
  MUON_DEFAULTS,
  PRODIGY_DEFAULTS,
} from "../../optim/optimizer-options.ts";
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

const twoDecays = z.tuple([decay, decay], "two numbers from 0 to below 1").readonly();
const twoEps = z.tuple([atLeastZero, atLeastZero], "two numbers of at least 0").readonly();
const aboveOne = z.number("a number above 1").gt(1, "a number above 1");
const belowZero = z.number("a number below 0").negative("a number below 0");

const types = ["adamw", "came", "adafactor", "lion", "prodigy", "muon"] as const;

const fields = {
  adamw: {
    type: z.literal(types[0]).default("adamw"),
    lr: positive,
    betas: twoDecays.default(ADAMW_DEFAULTS.betas),
    weightDecay: atLeastZero.default(ADAMW_DEFAULTS.weightDecay),
    eps: positive.default(ADAMW_DEFAULTS.eps),
  },
  came: {
    type: z.literal(types[1]),
    lr: positive,
    betas: z
      .tuple([decay, decay, decay], "three numbers from 0 to below 1")
      .readonly()
      .default(CAME_DEFAULTS.betas),
    weightDecay: atLeastZero.default(CAME_DEFAULTS.weightDecay),
    eps: twoEps.default(CAME_DEFAULTS.eps),
    clipThreshold: positive.default(CAME_DEFAULTS.clipThreshold),
  },
  adafactor: {
    type: z.literal(types[2]),
    lr: positive,
    beta2Decay: belowZero.default(ADAFACTOR_DEFAULTS.beta2Decay),
    weightDecay: atLeastZero.default(ADAFACTOR_DEFAULTS.weightDecay),
    eps: twoEps.default(ADAFACTOR_DEFAULTS.eps),
    clipThreshold: positive.default(ADAFACTOR_DEFAULTS.clipThreshold),
  },
  lion: {
    type: z.literal(types[3]),
    lr: positive,
    betas: twoDecays.default(LION_DEFAULTS.betas),
    weightDecay: atLeastZero.default(LION_DEFAULTS.weightDecay),
  },
  prodigy: {
    type: z.literal(types[4]),
    lr: positive.default(1),
    betas: twoDecays.default(PRODIGY_DEFAULTS.betas),
    beta3: decay.nullable().default(PRODIGY_DEFAULTS.beta3),
    weightDecay: atLeastZero.default(PRODIGY_DEFAULTS.weightDecay),
    eps: positive.default(PRODIGY_DEFAULTS.eps),
    d0: positive.default(PRODIGY_DEFAULTS.d0),
    dCoef: positive.default(PRODIGY_DEFAULTS.dCoef),
    growthRate: aboveOne.nullable().default(PRODIGY_DEFAULTS.growthRate),
    biasCorrection: flag.default(PRODIGY_DEFAULTS.biasCorrection),
    safeguardWarmup: flag.default(PRODIGY_DEFAULTS.safeguardWarmup),
  },
  muon: {
    type: z.literal(types[5]),
    lr: positive,
    momentum: decay.default(MUON_DEFAULTS.momentum),
    nesterov: flag.default(MUON_DEFAULTS.nesterov),
    nsSteps: count.default(MUON_DEFAULTS.nsSteps),
    weightDecay: atLeastZero.default(MUON_DEFAULTS.weightDecay),
    adjustLr: oneOf("match-rms-adamw", "original").default(MUON_DEFAULTS.adjustLr),
    betas: twoDecays.default(MUON_DEFAULTS.betas),
    eps: positive.default(MUON_DEFAULTS.eps),
  },
};

/** The message for a value that matches none of the alternatives distinguished by `type`. */
export const unlessOneOf =
  (alternatives: readonly string[]) =>
  (issue: { readonly code?: string | undefined }): string =>
    issue.code === "invalid_union" ? listOf(alternatives) : "an object";

/** Checks an optimizer; its `type` determines which fields it has. */
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

/** The same, for a stage that may train the text encoder too. */
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
