import type { Module } from "../../nn/index.ts";
import { tensorsHash } from "../../weights/tensors-hash.ts";

/** SHA-256 of a model's weights and their keys, hexadecimal. */
export const stateHash = (model: Module): string => tensorsHash(model.stateDict());
