import { z } from "zod";
import type { LossConfig, NoiseConfig, TimestepsConfig } from "../options/denoising-config.ts";
import { type SchemaOf, schemaOf } from "../options/filled.ts";
import { unlessOneOf } from "./optimizer-schema.ts";
import { atLeastZero, flag, oneOf, positive, probability } from "./value-schemas.ts";

/** Checks a diffusion loss. */
export const lossSchema: SchemaOf<LossConfig> = schemaOf<LossConfig>()(
  z.strictObject(
    {
      type: oneOf("epsilon", "epsilon+vlb", "v").nullable().default(null),
      huberDelta: positive.nullable().default(null),
      minSnrGamma: positive.nullable().default(null),
      debiased: flag.default(false),
    },
    "an object",
  ),
);

const inputPerturbation = atLeastZero.default(0);

/** Checks the training noise. */
export const noiseSchema: SchemaOf<NoiseConfig> = schemaOf<NoiseConfig>()(
  z.discriminatedUnion(
    "type",
    [
      z.strictObject({ type: z.literal("white").default("white"), inputPerturbation }, "an object"),
      z.strictObject(
        { type: z.literal("offset"), weight: positive.default(0.05), inputPerturbation },
        "an object",
      ),
      z.strictObject(
        {
          type: z.literal("pyramid"),
          discount: probability.default(0.9),
          randomMultiplier: flag.default(true),
          inputPerturbation,
        },
        "an object",
      ),
    ],
    { error: unlessOneOf(["white", "offset", "pyramid"]) },
  ),
);

const gridSize = "an integer from 1 to 1000";

/** Checks the training timesteps. */
export const timestepsSchema: SchemaOf<TimestepsConfig> = schemaOf<TimestepsConfig>()(
  z.discriminatedUnion(
    "type",
    [
      z.strictObject({ type: z.literal("uniform").default("uniform") }, "an object"),
      z.strictObject(
        {
          type: oneOf("later", "earlier"),
          biasMultiplier: positive.default(5),
          biasPortion: probability.default(0.25),
        },
        "an object",
      ),
      z.strictObject(
        {
          type: z.literal("range"),
          biasMultiplier: positive.default(5),
          biasBegin: probability.default(0.25),
          biasEnd: probability.default(0.75),
        },
        "an object",
      ),
      z.strictObject({ type: z.literal("cubic") }, "an object"),
      z.strictObject(
        {
          type: z.literal("ddim"),
          steps: z.int(gridSize).min(1, gridSize).max(1000, gridSize).default(50),
        },
        "an object",
      ),
    ],
    { error: unlessOneOf(["uniform", "later", "earlier", "range", "cubic", "ddim"]) },
  ),
);
