import { createHash } from "node:crypto";

const known = new WeakMap<Uint8Array, string>();

/**
 * Half of the SHA-256 of a picture's bytes, hexadecimal. Of one array, which nobody may change, it is reckoned once: what is read
 * to be encoded is also noted as learnt from.
 */
export function contentHash(bytes: Uint8Array): string {
  const found = known.get(bytes);
  if (found !== undefined) return found;
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  known.set(bytes, hash);
  return hash;
}
