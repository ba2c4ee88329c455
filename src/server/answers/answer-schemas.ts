import { z } from "zod";

/** One drawn picture. */
const drawn = z.strictObject({
  b64_json: z.string().optional().meta({ description: "The file in base64" }),
  url: z
    .string()
    .optional()
    .meta({ description: "Where the file is, for an hour or until newer pictures need the space" }),
  seed: z.int().meta({ description: "Draws this picture again" }),
});

const usage = z.strictObject({
  input_tokens: z.int(),
  output_tokens: z.int(),
  total_tokens: z.int(),
  input_tokens_details: z.strictObject({ text_tokens: z.int(), image_tokens: z.int() }),
});

/** The answer of both drawing endpoints. */
export const imagesAnswer = z
  .strictObject({
    created: z.int().meta({ description: "Unix time in seconds" }),
    size: z.string(),
    output_format: z.enum(["png", "jpeg", "webp"]),
    quality: z.string(),
    background: z.literal("opaque"),
    data: z.array(drawn),
    usage,
    pixart: z
      .strictObject({
        model: z.string(),
        model_hash: z.string().nullable(),
        steps: z.int(),
        scheduler: z.string(),
        guidance_scale: z.number(),
        drawn_size: z.string().meta({ description: "Before it was resized to size" }),
        batched_with: z
          .int()
          .meta({ description: "Most pictures of other requests drawn together with these" }),
        seconds: z.number().meta({ description: "Of drawing" }),
        ignored: z.array(z.string()),
        warnings: z.array(z.string()),
      })
      .meta({ description: "What OpenAI's answer has no field for" }),
  })
  .meta({ id: "ImagesAnswer" });

/** The description of a job. */
export const jobAnswer = z
  .strictObject({
    id: z.string(),
    object: z.literal("job"),
    status: z.enum(["queued", "running", "completed", "failed", "cancelled"]),
    created: z.int(),
    position: z
      .int()
      .nullable()
      .meta({ description: "Pictures before its first; null once it runs" }),
    estimated_seconds: z.number().nullable(),
    step: z.int().nullable(),
    total: z.int().nullable(),
    pictures_done: z.int(),
    pictures: z.int(),
    result: z.union([imagesAnswer, z.null()]),
    error: z
      .strictObject({
        message: z.string(),
        type: z.string(),
        param: z.string().nullable(),
        code: z.string(),
      })
      .nullable(),
  })
  .meta({ id: "Job" });

/** A model of this server. */
export const modelAnswer = z
  .strictObject({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.literal("local"),
  })
  .meta({ id: "Model" });

export const modelsAnswer = z
  .strictObject({ object: z.literal("list"), data: z.array(modelAnswer) })
  .meta({ id: "Models" });

/** Any error. */
export const errorAnswer = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string(),
    }),
  })
  .meta({ id: "Error" });

export type ImagesAnswer = z.output<typeof imagesAnswer>;
export type JobAnswer = z.output<typeof jobAnswer>;
export type ModelAnswer = z.output<typeof modelAnswer>;
