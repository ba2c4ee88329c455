import { readFileSync } from "node:fs";
import { extname, parse } from "node:path";
import { ConfigError } from "./config-error.ts";
import { parseConfigJson } from "./config-json.ts";
import { findConfig } from "./find-config.ts";
import { type ImportModule, moduleImporter } from "./import-modules.ts";
import type { ParsedConfig } from "./options/train-config.ts";
import { applyOverrides } from "./overrides.ts";
import { resolveConfig } from "./resolve-config.ts";

/** The contents of a config file, before anything is changed, checked or filled in. */
export interface Recipe {
  readonly file: string;
  readonly value: unknown;
}

/**
 * Reads a config's file.
 * @param pathOrName a `.ts`, `.js` or `.json` file, or the bare name of one in `configs/` here or in the package
 * @param importer for several configs that share files. Default: a new one
 */
export async function loadRecipe(pathOrName: string, importer?: ImportModule): Promise<Recipe> {
  const file = findConfig(pathOrName);
  const value =
    extname(file) === ".json"
      ? parseConfigJson(readFileSync(file, "utf8"), file)
      : await importConfig(file, importer);
  return { file, value };
}

/**
 * Applies overrides to a file's contents and checks the result. Throws ConfigError whose message lists everything that is wrong.
 */
export const configOf = (
  { file, value }: Recipe,
  overrides: readonly string[] = [],
): ParsedConfig => resolveConfig(applyOverrides(value, overrides, file), file);

/** The run folder of a recipe, even if the rest of it is invalid. */
export function workDirOf({ file, value }: Recipe, overrides: readonly string[] = []): string {
  const own = overrides.filter((each) => /^(name|workDir)=/.test(each));
  const changed = Object(applyOverrides(value, own, file));
  return String(changed.workDir ?? `work_dirs/${changed.name ?? parse(file).name}`);
}

/**
 * Loads a config, applies overrides and checks it.
 * @param pathOrName a `.ts`, `.js` or `.json` file, or the bare name of one in `configs/` here or in the package
 * @param overrides `path.to.key=value` each, as after `--cfg-options`
 * @throws ConfigError whose message lists everything that is wrong
 */
export async function loadConfig(
  pathOrName: string,
  overrides: readonly string[] = [],
): Promise<ParsedConfig> {
  return configOf(await loadRecipe(pathOrName), overrides);
}

async function importConfig(file: string, importer?: ImportModule): Promise<unknown> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await (importer ?? (await moduleImporter()))(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [`Expected a module that can be loaded but found: ${reason}`], {
      cause: error,
    });
  }
  if ("default" in module) return module.default;
  throw new ConfigError(file, [
    "Expected `export default defineConfig({ … })` but found no default export.",
  ]);
}
