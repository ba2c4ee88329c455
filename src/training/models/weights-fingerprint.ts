import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, realpath } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { makeWithParent } from "../../files/make-below.ts";
import { fileStamp } from "../../files/reading/file-stamp.ts";
import { replaceFile } from "../../files/replace-file.ts";

const WEIGHTS = /\.(safetensors|bin|json|model)$/;

/** A file's stamp, which tells whether it is unchanged, and the hash of its bytes. */
interface KnownFile {
  readonly stamp: string;
  readonly sha256: string;
}

/**
 * SHA-256 over the names and bytes of a model's files, in hexadecimal: its configuration, its weights, and its vocabulary if it
 * is a tokenizer. Nothing is loaded. Hashes are kept in `memory`; a file whose stamp differs is hashed again.
 * @param folder as passed to a component's `fromPretrained`, including the subfolder
 */
export async function weightsFingerprint(folder: string, memory: string): Promise<string> {
  const place = await realpath(folder);
  const names = (await readdir(place)).filter((name) => WEIGHTS.test(name)).sort();
  const noteName = createHash("sha256").update(`${hostname()} ${place}`).digest("hex").slice(0, 16);
  const notePath = join(memory, `${noteName}.json`);
  const known = await readNotes(notePath);
  const notes: Record<string, KnownFile> = {};
  const whole = createHash("sha256");
  let isNew = false;
  for (const name of names) {
    const path = join(place, name);
    const { stamp, isSettledBy } = await fileStamp(path);
    const isSettled = isSettledBy(Date.now());
    const earlier = known[name];
    const isKnown = earlier?.stamp === stamp;
    const sha256 = isKnown ? earlier.sha256 : await hashOf(path);
    whole.update(`${name} ${sha256}\n`);
    // A file that changes while it is hashed, or changed just before, is hashed again next time.
    if (isSettled && (isKnown || (await fileStamp(path)).stamp === stamp)) {
      notes[name] = { stamp, sha256 };
      isNew ||= !isKnown;
    }
  }
  if (isNew) {
    makeWithParent(memory);
    await replaceFile(notePath, [Buffer.from(`${JSON.stringify(notes)}\n`)]);
  }
  return whole.digest("hex");
}

/** Hashes recorded earlier; empty if the file is missing or damaged: then everything is hashed. */
async function readNotes(path: string): Promise<Readonly<Record<string, KnownFile | undefined>>> {
  try {
    const notes: unknown = JSON.parse(await readFile(path, "utf8"));
    return Object(notes);
  } catch {
    return {};
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 22 })) hash.update(chunk);
  return hash.digest("hex");
}
