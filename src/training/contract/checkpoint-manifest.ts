import { createHash } from "node:crypto";
import { expectedType } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { parseRunMark, type RunMark } from "./run-mark.ts";

/** A value that survives a JSON round trip. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** One file of a checkpoint. */
export interface CheckpointFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Contents of a checkpoint's `manifest.json`. */
export interface CheckpointManifest {
  readonly format: "pixart-checkpoint";
  readonly version: 1;
  readonly step: number;
  readonly stage: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly files: readonly CheckpointFile[];
  /** Everything except tensors that a resumed run needs. */
  readonly state: JsonValue;
  /** Undefined in manifests of earlier versions and in checkpoints that belong to no run. */
  readonly run?: RunMark | undefined;
}

export const MANIFEST_NAME = "manifest.json";
const FORMAT = "pixart-checkpoint";
const VERSION = 1;
/** Plain file names within one folder, the same on every file system. */
export const FILE_STEM = /^[a-z0-9][a-z0-9._-]*$/;
const OWN_HASH = /,\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Formats a manifest as text. Its last member is the hash of everything before it, so damage to the manifest is detected too. */
export function formatManifest(manifest: CheckpointManifest): string {
  requireJson(manifest.state, "state");
  const body = JSON.stringify(manifest, null, 2).slice(0, -"\n}".length);
  return `${body},\n  "sha256": "${sha256(body)}"\n}\n`;
}

/** Parses a manifest's text. Throws BadFileError for damage and for other formats and versions. */
export function parseManifest(path: string, text: string): CheckpointManifest {
  let value: Partial<Record<keyof CheckpointManifest, unknown>> | null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadFileError(path, "manifest", "JSON", quote((error as SyntaxError).message));
  }
  if (value?.format !== FORMAT) {
    throw new BadFileError(path, "format", quote(FORMAT), quote(value?.format));
  }
  if (value.version !== VERSION) {
    const advice = "it needs another version of this package";
    throw new BadFileError(path, "version", `${VERSION}`, quote(value.version), advice);
  }
  const own = OWN_HASH.exec(text);
  const expected = own?.[1] ?? "nothing";
  const found = sha256(text.slice(0, own?.index));
  if (found !== expected) {
    throw new BadFileError(path, "sha256", `${expected} of the manifest's text`, found);
  }
  const { step, stage, createdAt, files, state, run } = value;
  if (!Number.isSafeInteger(step) || (step as number) < 0) {
    throw new BadFileError(path, "step", "a non-negative integer", quote(step));
  }
  if (typeof stage !== "string") throw new BadFileError(path, "stage", "a string", quote(stage));
  if (typeof createdAt !== "string") {
    throw new BadFileError(path, "createdAt", "a string", quote(createdAt));
  }
  if (!Array.isArray(files)) throw new BadFileError(path, "files", "an array", quote(files));
  const checked = files.map((file: unknown) => parseFile(path, file));
  if (new Set(checked.map(({ name }) => name)).size !== checked.length) {
    throw new BadFileError(path, "files", "each name once", quote(checked.map(({ name }) => name)));
  }
  if (state === undefined) throw new BadFileError(path, "state", "a JSON value", "nothing");
  return {
    format: FORMAT,
    version: VERSION,
    step: step as number,
    stage,
    createdAt,
    files: checked,
    state: state as JsonValue,
    run: parseRunMark(path, run),
  };
}

function parseFile(path: string, value: unknown): CheckpointFile {
  const { name, bytes, sha256: hash } = (value ?? {}) as Partial<Record<string, unknown>>;
  const isFile =
    typeof name === "string" &&
    FILE_STEM.test(name) &&
    name.endsWith(".safetensors") &&
    Number.isSafeInteger(bytes) &&
    typeof hash === "string" &&
    /^[0-9a-f]{64}$/.test(hash);
  if (!isFile) {
    const expected = "a plain .safetensors name, bytes and sha256";
    throw new BadFileError(path, "files", expected, quote(value));
  }
  return { name, bytes: bytes as number, sha256: hash };
}

/** Throws InvalidTypeError for values that JSON would silently change: NaN, undefined, functions, bigint, class instances. */
function requireJson(value: unknown, place: string): void {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) requireJson(item, `${place}[${i}]`);
    return;
  }
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, item] of Object.entries(value)) requireJson(item, `${place}.${key}`);
    return;
  }
  throw expectedType("a JSON value", place, String(value));
}
