import { randomBytes } from "node:crypto";

/** Why something has a hidden name: it is being written, being removed, or moved aside for its successor. */
export type TemporaryKind = "tmp" | "trash" | "old";

/** Longest name in file systems; as much of the original name is kept as fits. */
const LONGEST_BYTES = 255;
const RANDOM_BYTES = 6;
const ADDED_BYTES = "._trash--".length + 2 * RANDOM_BYTES;
const PATTERN = /^\.(tmp|trash|old)-(.+)-[0-9a-f]{12}$/s;

/** A hidden, unguessable name next to `name` that no reader mistakes for a finished file or folder. */
export const temporaryName = (name: string, kind: TemporaryKind = "tmp"): string =>
  `.${kind}-${cut(name)}-${randomBytes(RANDOM_BYTES).toString("hex")}`;

/** The parts of a name made by {@link temporaryName}; undefined for every other name. */
export function parseTemporaryName(
  hidden: string,
): { readonly kind: TemporaryKind; readonly name: string } | undefined {
  const [, kind, name] = PATTERN.exec(hidden) ?? [];
  return kind === undefined || name === undefined
    ? undefined
    : { kind: kind as TemporaryKind, name };
}

function cut(name: string): string {
  const letters = [...name]; // whole code points
  while (Buffer.byteLength(letters.join("")) > LONGEST_BYTES - ADDED_BYTES) letters.pop();
  return letters.join("");
}
