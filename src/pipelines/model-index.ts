import { join } from "node:path";
import { expected } from "../errors/index.ts";
import { quote } from "../files/reading/errors.ts";
import { BadFileError, type ConfigObject, readConfig, writeConfig } from "../weights/index.ts";
import {
  areUsual,
  canBeSaved,
  SAMPLING_DEFAULTS,
  SAVED_DEFAULTS,
  type SamplingDefaults,
} from "./sampling-defaults.ts";

/** A component's Python library and class, as `model_index.json` names them; nulls for an omitted one. */
export type ComponentClass = readonly [library: string, className: string] | readonly [null, null];

const FILE = "model_index.json";

/** The classes that a pipeline's folder names for its components. */
export interface ModelIndex<Name extends string> {
  readonly pipeline: string;
  readonly components: Readonly<Record<Name, string>>;
}

/**
 * The classes of the pipeline in `folder` and of its `components`. Throws unless the pipeline's is one of `pipelines` and each
 * component has a listed class; `advice` says what to do about a component that has none.
 */
export function readModelIndex<Name extends string>(
  folder: string,
  pipelines: readonly string[],
  components: Readonly<Record<Name, readonly string[]>>,
  advice: Readonly<Partial<Record<string, string>>> = {},
): ModelIndex<Name> {
  const path = join(folder, FILE);
  const index = readConfig(path);
  const pipeline = check(path, "_class_name", index._class_name, pipelines);
  const found = Object.entries<readonly string[]>(components).map(([name, classes]) => [
    name,
    check(path, name, classIn(index, name), classes, advice[name]),
  ]);
  return { pipeline, components: Object.fromEntries(found) as Record<Name, string> };
}

/** The class of one component of the pipeline in `folder`, unchecked. */
export const componentClass = (folder: string, name: string): unknown =>
  classIn(readConfig(join(folder, FILE)), name);

/** Where a folder keeps its {@link SamplingDefaults}: diffusers ignores keys that begin so, and keeps none of its own. */
const SAMPLING = "_sampling";

/** What the pipeline in `folder` takes for options that a call is not given. Throws if that is no number of steps or no guidance. */
export function readSamplingDefaults(folder: string): SamplingDefaults {
  const path = join(folder, FILE);
  const given = readConfig(path)[SAMPLING];
  if (given === undefined) return SAMPLING_DEFAULTS;
  const { num_inference_steps: numInferenceSteps, guidance_scale: guidanceScale } = Object(given);
  if (canBeSaved(numInferenceSteps, guidanceScale)) return { numInferenceSteps, guidanceScale };
  throw new BadFileError(path, SAMPLING, SAVED_DEFAULTS, quote(given));
}

function classIn(index: ConfigObject, name: string): unknown {
  const entry = index[name];
  return Array.isArray(entry) ? entry[1] : entry;
}

function check(
  path: string,
  key: string,
  found: unknown,
  expected: readonly string[],
  advice?: string,
): string {
  if (typeof found === "string" && expected.includes(found)) return found;
  throw new BadFileError(
    path,
    key,
    expected.join(" or "),
    found === undefined ? "nothing" : quote(found),
    advice,
  );
}

/** Writes `model_index.json`, by which diffusers recognizes a pipeline folder. */
export async function writeModelIndex(
  folder: string,
  pipeline: string,
  components: Readonly<Record<string, ComponentClass>>,
  defaults: SamplingDefaults,
): Promise<void> {
  const { numInferenceSteps, guidanceScale } = defaults;
  if (!canBeSaved(numInferenceSteps, guidanceScale))
    throw expected(SAVED_DEFAULTS, "the pipeline's defaults", quote(defaults));
  const index: ConfigObject = {
    _class_name: pipeline,
    // The diffusers version whose layout the folder has.
    _diffusers_version: "0.42.1",
    ...(!areUsual(defaults) && {
      [SAMPLING]: {
        num_inference_steps: numInferenceSteps,
        guidance_scale: guidanceScale,
      },
    }),
    ...components,
  };
  await writeConfig(join(folder, FILE), index);
}
