import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { register } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";

/** Imports a module of TypeScript or JavaScript. Each file is read once, however many modules import it. */
export type ImportModule = (file: string) => Promise<Readonly<Record<string, unknown>>>;

/**
 * A new importer, which reads all files anew. Its modules can import `pixart/config` from any location, even if no node_modules
 * contains the package, and are ES modules whatever the package.json above them says.
 */
export async function moduleImporter(): Promise<ImportModule> {
  const tsx = await import("tsx/esm/api"); // not needed by programs that only write configs
  // Each hook calls the one that was registered before it.
  hook(AS_MODULES);
  const scope = tsx.register({ namespace: randomUUID() });
  hook(OWN_NAME);
  return (file) => scope.import(pathToFileURL(file).href, import.meta.url);
}

const hook = (source: string): void =>
  register(`data:text/javascript,${encodeURIComponent(source)}`);

const AS_MODULES = `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const { protocol, pathname } = new URL(found.url);
  return protocol === "file:" && pathname.endsWith(".ts") ? { ...found, format: "module" } : found;
}`;

const bundled = new URL("./config.js", import.meta.url);
/** The entry `pixart/config` of this very program: in its bundle, or next to this file. */
const own = existsSync(bundled)
  ? bundled
  : new URL(`./index${extname(import.meta.url)}`, import.meta.url);

/** JavaScript is the module that this program already runs; sources have to be transformed. */
const OWN_NAME = `export function resolve(specifier, context, next) {
  if (specifier !== "pixart/config") return next(specifier, context);
  const url = ${JSON.stringify(own.href)};
  return url.endsWith(".ts") ? next(url, context) : { url, format: "module", shortCircuit: true };
}`;
