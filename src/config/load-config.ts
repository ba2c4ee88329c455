import { readFileSync } from "node:fs";
import { register } from "node:module";
import { extname, parse } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "./config-error.ts";
import { parseConfigJson } from "./config-json.ts";
import { findConfig } from "./find-config.ts";
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
 */
export async function loadRecipe(pathOrName: string): Promise<Recipe> {
  const file = findConfig(pathOrName);
  const value =
    extname(file) === ".json"
      ? parseConfigJson(readFileSync(file, "utf8"), file)
      : await importConfig(file);
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

async function importConfig(file: string): Promise<unknown> {
  const { tsImport } = await import("tsx/esm/api"); // not needed by programs that only write configs
  resolveOwnNameOnce();
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await tsImport(pathToFileURL(file).href, import.meta.url);
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

let resolvesOwnName = false;

/**
 * Lets a config file import `pixart/config` from any location, even if no node_modules contains the package, and loads it as an
 * ES module whatever the package.json above it says.
 */
function resolveOwnNameOnce(): void {
  if (resolvesOwnName) return;
  resolvesOwnName = true;
  const own = new URL(`../config/index${extname(import.meta.url)}`, import.meta.url).href;
  const hook = `export async function resolve(specifier, context, next) {
    if (specifier === "pixart/config") return { url: ${JSON.stringify(own)}, format: "module", shortCircuit: true };
    const found = await next(specifier, context);
    const { protocol, pathname } = new URL(found.url);
    return protocol === "file:" && pathname.endsWith(".ts") ? { ...found, format: "module" } : found;
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
