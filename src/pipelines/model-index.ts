import { join } from "node:path";
import { BadFileError, type ConfigObject, readConfig, writeConfig } from "../weights/index.ts";

/** A component's Python library and class, as `model_index.json` names them. */
export type ComponentClass = readonly [library: string, className: string];

const FILE = "model_index.json";

/** Throws unless `folder` holds a pipeline of a class in `pipelines`, each of whose `components` has a listed class. */
export function checkModelIndex(
  folder: string,
  pipelines: readonly string[],
  components: Readonly<Record<string, readonly string[]>>,
): void {
  const path = join(folder, FILE);
  const index = readConfig(path);
  check(path, "_class_name", index._class_name, pipelines);
  for (const [name, classes] of Object.entries(components)) {
    const entry = index[name];
    check(path, name, Array.isArray(entry) ? entry[1] : entry, classes);
  }
}

function check(path: string, key: string, found: unknown, expected: readonly string[]): void {
  if (typeof found === "string" && expected.includes(found)) return;
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
