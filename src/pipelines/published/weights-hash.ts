import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * The first ten hexadecimal digits of the SHA-256 of a folder's safetensors files, in the order of their names. For a model in
 * one file it is the usual short hash of that file.
 */
export async function weightsHash(folder: string, variant?: string): Promise<string> {
  const stem = `diffusion_pytorch_model${variant === undefined ? "" : `.${variant}`}`;
  const names = (await readdir(folder)).filter(
    (name) =>
      name === `${stem}.safetensors` ||
      (name.startsWith(`${stem}-`) && name.endsWith(".safetensors")),
  );
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
