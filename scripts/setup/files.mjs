// The files and folders that set-up works on, and what they hash to.
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BUILD = path.join(ROOT, "build");
export const ADDON = path.join(BUILD, "pixart.node");
/** npm removes what a package was given after its installation, so what took long is kept elsewhere. */
export const IS_INSTALLED = path.basename(path.dirname(ROOT)) === "node_modules";
export const STATE = IS_INSTALLED ? cacheFolder() : path.join(ROOT, ".pixart");
export const VENV = path.join(STATE, "python");
export const VENV_NAME = IS_INSTALLED ? VENV : ".pixart/python";
export const VENV_PYTHON = path.join(VENV, "bin", "python");

/** As src/files/package/engine-folder.ts, which finds the addon there where npm has removed build/. */
function cacheFolder() {
  const { PIXART_CACHE, XDG_CACHE_HOME } = process.env;
  const system =
    process.platform === "darwin"
      ? path.join(os.homedir(), "Library", "Caches")
      : XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  return PIXART_CACHE || path.join(system, "pixart");
}

/** Paths from {@link ROOT} on. */
export function filesUnder(folder) {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Of the files' names and bytes, and of what else matters. */
export function hashOf(files, facts = []) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  for (const file of files) {
    const bytes = fs.readFileSync(path.join(ROOT, file));
    hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** What the addon is made of. */
export const addonSources = () => ["CMakeLists.txt", ...filesUnder("native")];

/** The hash of what `product` was made from; undefined when it was not made. */
export function readStamp(name, product, folder = BUILD) {
  const file = path.join(folder, `${name}.json`);
  if (!fs.existsSync(product) || !fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, "utf8")).hash;
}

export function writeStamp(name, content) {
  fs.mkdirSync(BUILD, { recursive: true });
  const file = path.join(BUILD, `${name}.json`);
  fs.writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`);
  fs.renameSync(`${file}.new`, file);
}
