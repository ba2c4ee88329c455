import { z } from "zod";
import { type SchemaOf, schemaOf } from "../options/filled.ts";
import { CONFIG_LIMITS } from "../options/limits.ts";
import type { TrainConfig } from "../options/train-config.ts";
import {
  autoencoderSchema,
  textEncoderSchema,
  tokenizerSchema,
  transformerSchema,
} from "./model-schemas.ts";
import { stageSchema } from "./stage-schema.ts";
import {
  atLeastOne,
  count,
  countUpTo,
  decay,
  flag,
  oneOf,
  probability,
  text,
  wholeNumber,
} from "./value-schemas.ts";

const names = z.array(text, "a list of names").min(1, "a list of at least one name");

/** A config whose name, run folder and transformer are set: if not given, they come from its file's name and its base. */
type NamedConfig = TrainConfig & Required<Pick<TrainConfig, "name" | "workDir" | "transformer">>;

/** Checks a whole config field by field and fills in the other defaults; `value` determines which components are pretrained. */
export function configSchema(value: unknown): SchemaOf<NamedConfig> {
  const { autoencoder, tokenizer, textEncoder, transformer } = Object(value);
  return schemaOf<NamedConfig>()(
    z.strictObject(
      {
        name: text,
        seed: wholeNumber.default(0),
        workDir: text,
        device: text.default("auto"),
        threads: countUpTo(CONFIG_LIMITS.threads).nullable().default(null),
        processes: countUpTo(CONFIG_LIMITS.processes).default(1),
        whenFull: oneOf("stop", "wait", "prune").default("stop"),
        base: text.nullable().default(null),
        dataset: z.strictObject(
          {
            folder: text,
            revision: text.nullable().default(null),
            layout: oneOf(
              "side-cars",
              "jsonl",
              "csv",
              "captions",
              "parquet",
              "webdataset",
              "pixart-json",
              "pictures",
            )
              .nullable()
              .default(null),
            imageColumn: text.nullable().default(null),
            textColumn: text.nullable().default(null),
            controlColumn: text.nullable().default(null),
            controlFolder: text.nullable().default(null),
            instancePrompt: text.nullable().default(null),
            classFolder: text.nullable().default(null),
            classPrompt: text.nullable().default(null),
            classImages: countUpTo(CONFIG_LIMITS.classImages).nullable().default(null),
            maxUnreadable: probability.default(0.05),
            grows: flag.default(false),
            things: z
              .union(
                [count, names, z.literal("demo")],
                'a number of things, a list of their names, "demo" or null',
              )
              .nullable()
              .default(null),
            groups: names.nullable().default(null),
            styles: names.nullable().default(null),
            denseCaptionProbability: probability.default(0.5),
            captionDropout: decay.default(0.1),
            cleanCaptions: flag.default(false),
            heldoutShare: decay.default(0),
            cache: z
              .strictObject(
                {
                  folder: text.nullable().default(null),
                  latents: flag.default(true),
                  texts: flag.default(true),
                },
                "an object",
              )
              .prefault({}),
          },
          "an object",
        ),
        autoencoder: autoencoderSchema(autoencoder).prefault({}),
        tokenizer: tokenizerSchema(tokenizer).prefault({}),
        textEncoder: textEncoderSchema(textEncoder).prefault({}),
        transformer: transformerSchema(transformer),
        stages: z.array(stageSchema, "a list of stages").min(1, "at least one stage"),
        sampling: z.strictObject(
          {
            prompts: z
              .array(text, "a list of prompts")
              .min(1, "at least one prompt")
              .max(64, "at most 64 prompts"),
            steps: countUpTo(CONFIG_LIMITS.sampling).default(20),
            guidanceScale: atLeastOne.default(4.5),
            seed: wholeNumber.default(0),
          },
          "an object",
        ),
        publish: z
          .strictObject(
            {
              dtype: oneOf("float32", "bfloat16").default("float32"),
            },
            "an object",
          )
          .prefault({}),
      },
      "an object",
    ),
  );
}
