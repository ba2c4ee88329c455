import { createHash } from "node:crypto";

const known = new WeakMap<Uint8Array, string>();

/**
 * Half of the SHA-256 of a picture's bytes, in hexadecimal. Computed once per array, which must not change: the bytes that are
 * read for encoding are also recorded as training data.
 */
export function contentHash(bytes: Uint8Array): string {
  const found = known.get(bytes);
  if (found !== undefined) return found;
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  known.set(bytes, hash);
  return hash;
}
