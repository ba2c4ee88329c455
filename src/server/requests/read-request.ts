import { randomInt } from "node:crypto";
import type { ModelFacts } from "../engine/engine-messages.ts";
import { ApiError, badValue } from "../http/api-error.ts";
import { drawnSize, exactSize, type Size, sizeText } from "../pictures/picture-size.ts";
import type { Endpoint, PlainRequest } from "./draw-request.ts";
import { IGNORED_FIELDS, LONGEST_SIDE, type SharedFields } from "./request-schemas.ts";

/** The models and limits that a request is validated against. */
export interface RequestContext {
  readonly endpoint: Endpoint;
  readonly model: ModelFacts;
  /** Limit for an answer's picture. */
  readonly maxPixels: number;
  readonly warnings: readonly string[];
  /** The meaning of "auto". Default: the model's own size. */
  readonly ownSize?: Size | undefined;
}

const STEPS: Readonly<Record<string, number>> = { low: 10, high: 40, hd: 40 };
const DEFAULT_COMPRESSION = 90;
const LONGEST_SHAPE = 16;
/** Range of seeds drawn by default, with as many digits as people can copy. */
const SEEDS = 2 ** 32;

/** Resolves a request's defaults. Throws an ApiError for values that exclude each other or that the model can't draw. */
export function readRequest(fields: SharedFields, context: RequestContext): PlainRequest {
  const { endpoint, model, warnings } = context;
  if (fields.background === "transparent") {
    throw new ApiError(
      400,
      "unsupported_parameter",
      "Expected auto or opaque for background but received transparent: no model of this server draws transparency",
      { param: "background" },
    );
  }
  const quality = fields.quality ?? "auto";
  const { defaults } = model;
  const steps =
    same(fields, "steps", "num_inference_steps") ?? STEPS[quality] ?? defaults.numInferenceSteps;
  const guidance = same(fields, "guidance_scale", "cfg_scale", "cfg") ?? defaults.guidanceScale;
  const count = fields.n ?? 1;
  const seed = fields.seed ?? randomInt(SEEDS);
  if (seed + count - 1 > Number.MAX_SAFE_INTEGER)
    throw badValue("a number of at most 2**53 - n", "seed", seed);
  const size = answerSize(fields, context);
  const drawn =
    fields.resolution_binning === false ? exactSize(size, model) : drawnSize(size, model);
  return {
    endpoint,
    model,
    prompt: fields.prompt,
    negativePrompt: fields.negative_prompt ?? "",
    count,
    seed,
    settings: {
      steps,
      guidanceScale: guidance,
      scheduler: samplerOf(fields.scheduler, model),
      eta: fields.eta ?? undefined,
      ...drawn,
      maxSequenceLength: fields.max_sequence_length ?? undefined,
      cleanCaption: fields.clean_caption ?? undefined,
      adapters: adaptersOf(fields.adapters ?? [], model),
    },
    size,
    format: fields.output_format ?? "png",
    compression: Math.max(1, fields.output_compression ?? DEFAULT_COMPRESSION),
    asUrl: fields.response_format === "url",
    isStreamed: fields.stream ?? false,
    partialImages: fields.partial_images ?? 0,
    quality,
    ignored: IGNORED_FIELDS.filter((name) => fields[name] != null),
    warnings,
  };
}

/** The value of a field with several names. Throws if two of them differ. */
function same<K extends keyof SharedFields>(
  fields: SharedFields,
  ...names: readonly K[]
): NonNullable<SharedFields[K]> | undefined {
  const given = names.filter((name) => fields[name] != null);
  const [first, ...others] = given;
  if (first === undefined) return undefined;
  const other = others.find((name) => fields[name] !== fields[first]);
  if (other !== undefined)
    throw badValue(`the same as ${first}, or nothing,`, String(other), fields[other]);
  return fields[first] ?? undefined;
}

function answerSize(fields: SharedFields, { model, maxPixels, ownSize }: RequestContext): Size {
  const { width, height } = fields;
  const named = fields.size != null && fields.size !== "auto" ? fields.size : undefined;
  if ((width == null) !== (height == null))
    throw badValue("width and height together", width == null ? "width" : "height", undefined);
  const sides = width != null && height != null ? { width, height } : undefined;
  const [w = 0, h = 0] = named?.split("x").map(Number) ?? [];
  if (sides && named && sizeText(sides) !== named)
    throw badValue(`${sizeText(sides)}, as width and height say,`, "size", named, "invalid_size");
  const own = within(ownSize ?? { width: model.nativeSide, height: model.nativeSide }, maxPixels);
  const size = sides ?? (named ? { width: w, height: h } : own);
  requireShape(size);
  if (size.width * size.height <= maxPixels) return size;
  throw badValue(
    `at most ${maxPixels} pixels, such as ${sizeText(within(size, maxPixels))},`,
    "size",
    sizeText(size),
    "invalid_size",
  );
}

/** Throws for sides that a format can't store, and for shapes for which nearly all of the drawn picture would be cropped. */
function requireShape(size: Size): void {
  const [shorter, longer] = [Math.min(size.width, size.height), Math.max(size.width, size.height)];
  if (longer <= LONGEST_SIDE && longer <= LONGEST_SHAPE * shorter) return;
  throw badValue(
    `sides of at most ${LONGEST_SIDE} pixels, one at most ${LONGEST_SHAPE} times the other,`,
    "size",
    sizeText(size),
    "invalid_size",
  );
}

/** The same shape with at most `maxPixels` pixels. */
function within({ width, height }: Size, maxPixels: number): Size {
  const scale = Math.min(1, Math.sqrt(maxPixels / (width * height)));
  return {
    width: Math.max(1, Math.floor(width * scale)),
    height: Math.max(1, Math.floor(height * scale)),
  };
}

function samplerOf(name: string | null | undefined, { samplers }: ModelFacts): string | undefined {
  if (name == null || samplers.includes(name)) return name ?? undefined;
  throw badValue(`one of ${samplers.join(", ")}`, "scheduler", name);
}

function adaptersOf(
  wanted: NonNullable<SharedFields["adapters"]>,
  model: ModelFacts,
): PlainRequest["settings"]["adapters"] {
  return wanted.map(({ name, scale }, i) => {
    if (!model.adapters.includes(name)) {
      const known =
        model.adapters.length === 0 ? "no adapter" : `one of ${model.adapters.join(", ")}`;
      throw badValue(`${known}, which is what ${model.name} has,`, `adapters.${i}.name`, name);
    }
    if (wanted.findIndex((other) => other.name === name) < i)
      throw badValue("each adapter once", `adapters.${i}.name`, name);
    return { name, scale: scale ?? 1 };
  });
}
