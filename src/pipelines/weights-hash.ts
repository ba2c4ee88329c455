import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * The first ten hexadecimal digits of the SHA-256 of a folder's safetensors files, taken in the order of their names:
 * for a model in one file, the hash by which the file is known elsewhere.
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
