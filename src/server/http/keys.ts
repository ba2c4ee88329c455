import { createHash, timingSafeEqual } from "node:crypto";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The keys that open a server, of which only hashes are kept. */
export class Keys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** Whether a key is needed at all. */
  get isNeeded(): boolean {
    return this.#digests.length > 0;
  }

  /** A short name of the caller whose key this is; undefined where it is none. All are compared, in constant time. */
  ownerOf(key: string): string | undefined {
    const given = digest(key);
    const found = this.#digests.filter((known) => timingSafeEqual(known, given));
    return found[0]?.toString("hex").slice(0, 12);
  }
}
