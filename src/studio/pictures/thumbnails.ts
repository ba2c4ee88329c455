import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../files/make-folder.ts";
import { removeFile } from "../../files/remove.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { thumbnail } from "../../images/index.ts";

/** Available thumbnail sides in pixels; a request is rounded up to one of them. */
const SIDES = [96, 192, 256, 384, 512, 768, 1024, 1536] as const;
const LARGEST = 1536;
const MOST_BYTES = 256 * 2 ** 20;
/** Share of the limit that is kept when thumbnails have to be deleted. */
const KEPT_SHARE = 0.9;
/** Each briefly needs the memory of a decoded picture. */
const AT_ONCE = 2;

/** The side to use for a requested one; undefined if the text is not a number. */
export function sideOf(asked: string | undefined): number | undefined {
  const wanted = Number(asked);
  if (asked === undefined || !Number.isFinite(wanted) || wanted <= 0) return undefined;
  return SIDES.find((side) => side >= wanted) ?? LARGEST;
}

/** Thumbnails, cached in a folder; the oldest are deleted when there are too many. */
export class Thumbnails {
  readonly #folder: string;
  readonly #mostBytes: number;
  /** Bytes by name, the oldest first; undefined until the folder has been listed. */
  #kept: Promise<Map<string, number>> | undefined;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(folder: string, mostBytes: number = MOST_BYTES) {
    this.#folder = folder;
    this.#mostBytes = mostBytes;
  }

  /** A picture as WebP, at most this wide and high; undefined if the bytes are not a picture. */
  async get(bytes: Uint8Array, side: number): Promise<Uint8Array | undefined> {
    const stamp = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    const name = `${stamp}-${side}.webp`;
    const kept = await this.#names();
    if (kept.has(name)) {
      const known = await readFile(join(this.#folder, name)).catch(() => undefined);
      if (known !== undefined) return known;
    }
    const made = await this.#byTurns(() => thumbnail(bytes, side));
    if (made !== undefined) await this.#keep(name, made, kept);
    return made;
  }

  /** A cache that can't be written is ignored; the thumbnail is made again next time. */
  async #keep(name: string, bytes: Uint8Array, kept: Map<string, number>): Promise<void> {
    try {
      await makeFolder(this.#folder);
      await replaceFile(join(this.#folder, name), [bytes]);
      kept.set(name, bytes.byteLength);
      let sum = [...kept.values()].reduce((total, size) => total + size, 0);
      if (sum <= this.#mostBytes) return;
      for (const [old, size] of [...kept]) {
        if (sum <= KEPT_SHARE * this.#mostBytes) break;
        await removeFile(join(this.#folder, old));
        kept.delete(old);
        sum -= size;
      }
    } catch {}
  }

  #names(): Promise<Map<string, number>> {
    this.#kept ??= namesByAge(this.#folder);
    return this.#kept;
  }

  async #byTurns<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < AT_ONCE) this.#running += 1;
    else
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    try {
      return await work();
    } finally {
      // The place goes to the first who waits, before anybody else can take it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

async function namesByAge(folder: string): Promise<Map<string, number>> {
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{32}-\d+\.webp$/.test(name))
      .map(async (name) => {
        const found = await stat(join(folder, name)).catch(() => undefined);
        return { name, size: found?.size ?? 0, time: found?.mtimeMs ?? 0 };
      }),
  );
  return new Map(files.sort((a, b) => a.time - b.time).map(({ name, size }) => [name, size]));
}
