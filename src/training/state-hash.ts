import { createHash } from "node:crypto";
import type { Module } from "../nn/index.ts";

/** SHA-256 of a model's weights and their keys, hexadecimal. */
export function stateHash(model: Module): string {
  const hash = createHash("sha256");
  for (const [key, tensor] of model.stateDict()) hash.update(key).update(tensor.toBytes());
  return hash.digest("hex");
}
