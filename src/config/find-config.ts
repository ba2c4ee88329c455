import { readdirSync, type Stats, statSync } from "node:fs";
import { basename, dirname, extname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import { nearest } from "./checks/did-you-mean.ts";
import { ConfigError } from "./config-error.ts";

const extensions = [".ts", ".mts", ".js", ".mjs", ".json"];

/** Hint for users of diffengine. */
const PYTHON =
  " Configs are TypeScript or JSON here: `pixart recipes` lists diffengine's under their names, and docs/from-diffengine.md has their keys.";

/** The recipes that come with the package. */
const packageConfigs = fileURLToPath(new URL("../../configs", import.meta.url));

/**
 * The file of a config, given by its path or by the bare name of a file in the local or the package's `configs/`. Throws a
 * ConfigError that suggests a similar name.
 */
export function findConfig(pathOrName: string): string {
  const isName = basename(pathOrName) === pathOrName && extname(pathOrName) === "";
  return isName ? findByName(pathOrName) : findByPath(pathOrName);
}

function findByName(name: string): string {
  const files = ["configs", packageConfigs].flatMap(configsIn);
  const found = files.find((file) => parse(file).name === name);
  if (found !== undefined) return found;
  const names = [...new Set(files.map((file) => parse(file).name))];
  const near = nearest(name, names);
  const what = "Expected a config of this name in configs/ or in the package but found none.";
  const path = "Any other place needs a path.";
  throw new ConfigError(name, [
    near === undefined
      ? `${what} ${path} Available:${names.map((each) => `\n  ${each}`).join("")}`
      : `${what} Did you mean ${near}? ${path}`,
  ]);
}

function findByPath(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    const near = nearest(
      basename(path),
      configsIn(dirname(path)).map((file) => basename(file)),
    );
    const meant = near === undefined ? "" : ` Did you mean ${join(dirname(path), near)}?`;
    const hint = extname(path) === ".py" ? PYTHON : meant;
    throw new ConfigError(path, [`Expected a config file but found nothing.${hint}`]);
  }
  if (!found.isFile() || !extensions.includes(extname(path))) {
    const kind = found.isFile() ? `a file ending in ${extname(path)}` : kindOf(found);
    const hint = extname(path) === ".py" ? PYTHON : "";
    throw new ConfigError(path, [
      `Expected a file ending in ${extensions.join(", ")} but found ${kind}.${hint}`,
    ]);
  }
  return path;
}

const kindOf = (found: Stats): string =>
  found.isDirectory() ? "a folder" : "a device, pipe or socket";

/** Paths of the config files in a folder; empty if there is no such folder. */
function configsIn(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const files = readdirSync(folder).filter((file) => extensions.includes(extname(file)));
  return files.map((file) => join(folder, file)).sort();
}
