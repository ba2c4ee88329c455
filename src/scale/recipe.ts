import { z } from "zod";
import { InvalidValueError } from "../errors/index.ts";

const positive = z.number({ error: "a number above 0" }).positive({ error: "a number above 0" });
const count = z
  .number({ error: "a whole number from 1" })
  .int({ error: "a whole number from 1" })
  .min(1, { error: "a whole number from 1" });
const name = z.string({ error: "a name" }).min(1, { error: "a name" });
const object =
  (of: string) =>
  (issue: { readonly code?: string }): string | undefined =>
    issue.code === "invalid_type" ? `an object with the fields of ${of}` : undefined;

const stageSchema = z.strictObject(
  {
    /** Its name in tables. */
    name,
    /** Stages with the same data set share its pictures and captions. */
    dataset: name,
    pictures: count,
    /** Pixels per side. */
    resolution: count,
    /** Whether text encoder states are stored for its pictures. */
    captioned: z.boolean({ error: "true or false" }),
    /** Images per step, over all GPUs. */
    batchSize: count,
    /** Images that a GPU processes at once; more take several passes. */
    microBatch: count,
    steps: count,
    /** Speed of one GPU that does not wait for others. */
    imagesPerSecond: positive,
  },
  { error: object("a stage") },
);

const recipeSchema = z.strictObject(
  {
    name,
    /** Number of trained parameters of the model. */
    parameters: count,
    /** Source of `imagesPerSecond`. */
    speedSource: name,
    stages: z.array(stageSchema, { error: "a list of stages" }).min(1, { error: "a stage" }),
  },
  { error: object("a recipe") },
);

/** A run to simulate: see docs/scale.md. */
export type ScaleRecipe = z.infer<typeof recipeSchema>;
/** One stage of a {@link ScaleRecipe}. */
export type ScaleStage = ScaleRecipe["stages"][number];

/** Checks a recipe that was read from `source`. Throws an error that lists all mistakes. */
export function parseScaleRecipe(json: string, source: string): ScaleRecipe {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new InvalidValueError(`${source}: expected JSON but found: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const { data, error } = recipeSchema.safeParse(value);
  if (data !== undefined) return data;
  const mistakes = error.issues.map((issue) => {
    const place = issue.path.length === 0 ? "the recipe" : issue.path.join(".");
    if (issue.code === "unrecognized_keys") return `${place}: expected no ${issue.keys.join(", ")}`;
    const found = issue.path.reduce<unknown>((at, key) => Object(at)[key], value);
    return `${place}: expected ${issue.message} but found ${JSON.stringify(found) ?? "nothing"}`;
  });
  throw new InvalidValueError(`${source}: ${mistakes.join("; ")}`);
}
