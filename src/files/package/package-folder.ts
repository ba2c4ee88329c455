import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NAME = "pixart";

/** This package's folder: that of the installed package if this code was bundled into a program; undefined without one. */
export const packageFolder: string | undefined =
  folderAbove(dirname(fileURLToPath(import.meta.url))) ?? installedFolder();

/** The nearest folder of the package from `folder` up. */
function folderAbove(folder: string): string | undefined {
  if (isPackage(folder)) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : folderAbove(above);
}

function isPackage(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name === NAME;
  } catch {
    return false; // none, or another package's
  }
}

function installedFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${NAME}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * A script that threads run: next to the module that names it, or in the installed package if that module was bundled into a
 * program.
 * @param beside its URL relative to `import.meta.url`, written out at the call because bundlers look for that
 */
export function threadScript(beside: URL): URL {
  const own = fileURLToPath(beside);
  if (existsSync(own) || packageFolder === undefined) return beside;
  return pathToFileURL(join(packageFolder, "dist", "bundle", basename(own)));
}
