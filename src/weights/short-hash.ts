import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/**
 * The first ten hexadecimal digits of the SHA-256 of files, one after the other: for a single file, the short hash that other
 * programs show.
 */
export async function shortHash(paths: Iterable<string>): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }
  return hash.digest("hex").slice(0, 10);
}
