import { join } from "node:path";
import { BadFileError, type ConfigObject, readConfig, writeConfig } from "../weights/index.ts";

/** A component's Python library and class, as `model_index.json` names them; nulls for one that is left out. */
export type ComponentClass = readonly [library: string, className: string] | readonly [null, null];

const FILE = "model_index.json";

/**
 * The class of the pipeline in `folder`. Throws unless it is one of `pipelines`, and each of its `components` has a listed
 * class.
 */
export function checkModelIndex(
  folder: string,
  pipelines: readonly string[],
  components: Readonly<Record<string, readonly string[]>>,
): string {
  const path = join(folder, FILE);
  const index = readConfig(path);
  const className = check(path, "_class_name", index._class_name, pipelines);
  for (const [name, classes] of Object.entries(components)) {
    const entry = index[name];
    check(path, name, Array.isArray(entry) ? entry[1] : entry, classes);
  }
  return className;
}

function check(path: string, key: string, found: unknown, expected: readonly string[]): string {
  if (typeof found === "string" && expected.includes(found)) return found;
  throw new BadFileError(
    path,
    key,
    expected.join(" or "),
    found === undefined ? "nothing" : JSON.stringify(found),
  );
}

/** Writes `model_index.json`, by which diffusers knows the folder as a pipeline. */
export async function writeModelIndex(
  folder: string,
  pipeline: string,
  components: Readonly<Record<string, ComponentClass>>,
): Promise<void> {
  const index: ConfigObject = {
    _class_name: pipeline,
    // The library version whose layout the folder has.
    _diffusers_version: "0.42.1",
    ...components,
  };
  await writeConfig(join(folder, FILE), index);
}
