import { replaceFile } from "../replace-file.ts";
import { BadFileError, quote } from "./errors.ts";
import { parsePythonJson } from "./python-json.ts";
import { refuseStandIn } from "./stand-in.ts";
import { LARGEST_FILE, readWholeSync } from "./whole-file.ts";

/** A JSON value as Python's json module reads and writes it: numbers may be NaN or infinite. */
export type ConfigValue = string | number | boolean | null | readonly ConfigValue[] | ConfigObject;
/** A JSON object of a configuration file. */
export interface ConfigObject {
  readonly [key: string]: ConfigValue;
}

/** Reads a configuration file of diffusers or transformers. Throws BadFileError unless it holds a JSON object. */
export function readConfig(path: string): ConfigObject {
  const limits = { expected: "a JSON file", atMost: LARGEST_FILE.config };
  const text = readWholeSync(path, limits).toString("utf8");
  refuseStandIn(path, "a JSON file", text);
  let value: ConfigValue;
  try {
    value = parseConfig(text);
  } catch (error) {
    throw new BadFileError(
      path,
      "file",
      "JSON",
      quote(error instanceof Error ? error.message : error),
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadFileError(path, "file", "a JSON object", quote(value));
  }
  return value as ConfigObject;
}

/** Writes a configuration file as diffusers does: keys sorted, indent 2, newline at the end. */
export async function writeConfig(path: string, config: ConfigObject): Promise<void> {
  await replaceFile(path, [Buffer.from(`${formatConfig(config)}\n`)]);
}

/** Parses JSON that may contain Python's bare words NaN, Infinity and -Infinity. */
export const parseConfig = (text: string): ConfigValue =>
  parsePythonJson(text, Number) as ConfigValue;

/** The text of a configuration, keys sorted and without a newline at the end. Python can read NaN and infinite numbers back. */
export function formatConfig(value: ConfigValue, indent = ""): string {
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : `${value}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item: ConfigValue) => formatConfig(item, inner))
    : Object.entries(value as ConfigObject)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => `${JSON.stringify(key)}: ${formatConfig(item, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  return items.length === 0
    ? `${open}${close}`
    : `${open}\n${items.map((item) => inner + item).join(",\n")}\n${indent}${close}`;
}
