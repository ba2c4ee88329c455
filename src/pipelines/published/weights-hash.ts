import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { weightFiles } from "../../weights/index.ts";

/**
 * The first ten hexadecimal digits of the SHA-256 of the files that a folder's weights are loaded from, in the order of their
 * names. For a model in one file it is the usual short hash of that file. Throws BadFileError like the loading.
 */
export async function weightsHash(folder: string, variant?: string): Promise<string> {
  const names = [...weightFiles(folder, "diffusion_pytorch_model", variant).keys()];
  const hash = createHash("sha256");
  for (const name of names.sort()) {
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
  }
  return hash.digest("hex").slice(0, 10);
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
