import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { weightFiles } from "../../weights/index.ts";
import { shortHash } from "../../weights/short-hash.ts";

/**
 * The short hash of the files that a folder's weights are loaded from, in the order of their names. Throws BadFileError like the
 * loading.
 */
export async function weightsHash(folder: string, variant?: string): Promise<string> {
  const names = [...weightFiles(folder, "diffusion_pytorch_model", variant).keys()];
  return shortHash(names.sort().map((name) => join(folder, name)));
}

/** Total bytes of a folder's weight files of one stem; of several variants, the largest counts. */
export function weightsBytes(folder: string, stem: string): number {
  const sizes = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    const match = new RegExp(
      `^(?:pytorch_)?${stem}((?:\\.\\w+)?)(?:-\\d+-of-\\d+)?\\.(?:safetensors|bin)$`,
    ).exec(name);
    if (match === null) continue;
    const variant = `${match[1]} ${name.endsWith(".bin")}`;
    sizes.set(variant, (sizes.get(variant) ?? 0) + statSync(join(folder, name)).size);
  }
  return Math.max(0, ...sizes.values());
}
