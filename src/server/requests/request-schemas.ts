import { z } from "zod";

/** Most pictures in an answer, as in OpenAI's API. */
const MOST_PICTURES = 10;
const LONGEST_PROMPT = 32_000;
const MOST_STEPS = 1000;
/** WebP's limit in pixels, the lowest of all formats. */
export const LONGEST_SIDE = 16_383;

// Clients send null for omitted fields, and OpenAI's types allow it: so does every optional field here.

const text = (description: string): z.ZodOptional<z.ZodNullable<z.ZodString>> =>
  z.string().max(LONGEST_PROMPT).nullish().meta({ description });
const whole = (
  least: number,
  most: number,
  description: string,
): z.ZodOptional<z.ZodNullable<z.ZodInt>> =>
  z.int().min(least).max(most).nullish().meta({ description });
const decimal = (
  least: number,
  most: number,
  description: string,
): z.ZodOptional<z.ZodNullable<z.ZodNumber>> =>
  z.number().min(least).max(most).nullish().meta({ description });
const flag = (description: string): z.ZodOptional<z.ZodNullable<z.ZodBoolean>> =>
  z.boolean().nullish().meta({ description });

const PICTURE = "base64 or a data: URL of a JPEG, PNG, WebP or AVIF; addresses are not fetched";
const picture = z.string().min(1).meta({ description: PICTURE });

/** Fields of both drawing endpoints. */
const shared = {
  prompt: z.string().min(1).max(LONGEST_PROMPT).meta({
    description: "What to draw",
    example: "a red apple, noto style",
  }),
  model: text(
    "A model of this server; if missing, or one of OpenAI's names, the first model draws",
  ),
  n: whole(1, MOST_PICTURES, "How many pictures; default 1"),
  size: z
    .string()
    .regex(/^(auto|[1-9]\d{0,4}x[1-9]\d{0,4})$/, "auto or WIDTHxHEIGHT")
    .nullish()
    .meta({ description: "auto, or WIDTHxHEIGHT in pixels of the answer", example: "512x512" }),
  width: whole(1, LONGEST_SIDE, "With height, instead of size"),
  height: whole(1, LONGEST_SIDE, "With width, instead of size"),
  response_format: z.enum(["b64_json", "url"]).nullish().meta({
    description:
      "Default b64_json; a url works for an hour, or until newer pictures need the space",
  }),
  output_format: z
    .enum(["png", "jpeg", "webp"])
    .nullish()
    .meta({ description: "Default png, which remembers how it was drawn" }),
  output_compression: whole(0, 100, "Quality of JPEG and WebP; default 90"),
  quality: z
    .enum(["auto", "low", "medium", "high", "standard", "hd"])
    .nullish()
    .meta({ description: "Steps: low 10, high and hd 40, else the model's own" }),
  background: z
    .enum(["auto", "opaque", "transparent"])
    .nullish()
    .meta({ description: "transparent is refused: no model here can" }),
  stream: flag("Answer with OpenAI's server-sent events"),
  partial_images: whole(0, 100, "Previews per picture; OpenAI's clients send at most 3"),
  seed: whole(0, Number.MAX_SAFE_INTEGER, "Of the first picture; each further one takes the next"),
  steps: whole(1, MOST_STEPS, "Denoising steps; default what quality says"),
  num_inference_steps: whole(1, MOST_STEPS, "The same as steps"),
  guidance_scale: decimal(
    0,
    100,
    "Classifier-free guidance; 1 means none, default the model's own, or 4.5",
  ),
  cfg_scale: decimal(0, 100, "The same as guidance_scale"),
  cfg: decimal(0, 100, "The same as guidance_scale"),
  negative_prompt: text("What the picture should not show"),
  scheduler: text("A sampler by its short name, such as euler; default the model's"),
  eta: decimal(0, 1, "Noise of DDIM and TCD"),
  adapters: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200).meta({ description: "A name given with --adapter" }),
        scale: z.number().min(-10).max(10).nullish().meta({ description: "Default 1" }),
      }),
    )
    .max(10)
    .nullish()
    .meta({ description: "Adapters to draw with" }),
  max_sequence_length: whole(1, 4096, "Longest prompt in tokens; default the model's"),
  clean_caption: flag("Clean the prompt as in training; default true"),
  resolution_binning: flag("false draws at exactly the requested size, or refuses it"),
  user: text("Accepted but ignored"),
  style: text("Accepted but ignored"),
  moderation: text("Accepted but ignored"),
} as const;

/** The body of POST /v1/images/generations. */
export const generationRequest = z
  .strictObject({
    ...shared,
    control_image: picture
      .nullish()
      .meta({ description: `For models with a ControlNet: ${PICTURE}` }),
  })
  .meta({ id: "GenerationRequest", description: "Pictures from a prompt" });

/** How pictures are given in JSON: as text, or as OpenAI's Codex sends them. */
const imageSource = z.union([
  picture,
  z.strictObject({ image_url: picture, detail: z.string().nullish() }),
]);

/** The body of POST /v1/images/edits; in multipart, image and mask are files. */
export const editRequest = z
  .strictObject({
    ...shared,
    image: z
      .union([imageSource, z.array(imageSource).min(1).max(16)])
      .nullish()
      .meta({ description: "The picture to start from; exactly one" }),
    images: z
      .array(imageSource)
      .min(1)
      .max(16)
      .nullish()
      .meta({ description: "The same as image" }),
    mask: imageSource.nullish().meta({
      description:
        "Of the picture's size. Transparent where it is redrawn; without transparency, white where it is",
    }),
    strength: z.number().gt(0).max(1).nullish().meta({
      description: "How much of the picture is redrawn; default 1 with a mask, 0.6 without",
    }),
    input_fidelity: text("Accepted but ignored"),
  })
  .meta({ id: "EditRequest", description: "Pictures from a picture and a prompt" });

/** Fields that are accepted without effect. */
export const IGNORED_FIELDS = ["user", "style", "moderation", "input_fidelity"] as const;

/** The validated fields of both bodies. */
export type SharedFields = z.output<z.ZodObject<typeof shared>> &
  Pick<z.output<typeof editRequest>, "input_fidelity">;
export type GenerationRequest = z.input<typeof generationRequest>;
export type EditRequest = z.input<typeof editRequest>;
