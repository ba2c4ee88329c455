import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { packageFolder } from "./package-folder.ts";

export const ADDON = "pixart.node";

/**
 * Where set-up put the addon and its information: `build/` of the package or, if npm has reinstalled the package since, the copy
 * in the cache. The same folder as in scripts/setup.mjs.
 */
export function engineFolder(root: string = packageFolder ?? "."): string {
  const own = join(root, "build");
  const isInstalled = basename(dirname(root)) === "node_modules";
  if (!isInstalled || existsSync(join(own, ADDON))) return own;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const kept = join(cacheFolder(), `${version}-${process.platform}-${process.arch}`);
  return existsSync(join(kept, ADDON)) ? kept : own;
}
