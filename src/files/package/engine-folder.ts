import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { packageFolder } from "./package-folder.ts";

export const ADDON = "pixart.node";

/**
 * Where set-up left the addon and what it says of it: `build/` of the package, or, where npm has installed the package anew since,
 * the cache that set-up keeps it in. The same folder as in scripts/setup.mjs.
 */
export function engineFolder(root: string = packageFolder ?? "."): string {
  const own = join(root, "build");
  const isInstalled = basename(dirname(root)) === "node_modules";
  if (!isInstalled || existsSync(join(own, ADDON))) return own;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const kept = join(cacheFolder(), `${version}-${process.platform}-${process.arch}`);
  return existsSync(join(kept, ADDON)) ? kept : own;
}
