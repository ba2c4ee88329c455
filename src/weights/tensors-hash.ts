import { createHash } from "node:crypto";
import type { Tensor } from "../torch/index.ts";

/** SHA-256 of tensors and their keys, hexadecimal. */
export function tensorsHash(tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [key, tensor] of tensors) hash.update(key).update(tensor.toBytes());
  return hash.digest("hex");
}
