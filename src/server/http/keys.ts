import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The holder of a key. */
export interface KeyHolder {
  /** Short, derived from the key's hash. */
  readonly name: string;
  /** Whether it may change anything. */
  readonly canControl: boolean;
}

interface KnownKey extends KeyHolder {
  readonly digest: Buffer;
}

/** How long a session lasts. */
const SESSION_SECONDS = 30 * 24 * 3600;

/** The keys of a server, stored only as hashes, and the sessions opened with them. */
export class Keys {
  readonly #known: readonly KnownKey[];

  /** @param viewKeys view-only keys */
  constructor(keys: readonly string[], viewKeys: readonly string[] = []) {
    const known = (key: string, canControl: boolean): KnownKey => {
      const own = digest(key);
      return { digest: own, name: own.toString("hex").slice(0, 12), canControl };
    };
    this.#known = [
      ...keys.map((key) => known(key, true)),
      ...viewKeys.map((key) => known(key, false)),
    ];
  }

  /** Whether a key is needed at all. */
  get isNeeded(): boolean {
    return this.#known.length > 0;
  }

  /** The holder of a key; undefined for an invalid one. All are compared, in constant time. */
  holderOf(key: string): KeyHolder | undefined {
    return this.#knownBy((known) => known.digest, key);
  }

  /** Opens a session, which a browser uses instead of storing the key. It ends by itself, or with the key. */
  openSession(key: string): { readonly session: string; readonly seconds: number } | undefined {
    const found = this.#knownBy((known) => known.digest, key);
    if (found === undefined) return undefined;
    const ends = Math.floor(Date.now() / 1000) + SESSION_SECONDS;
    const open = `${ends}.${randomBytes(12).toString("base64url")}`;
    return { session: `${open}.${signature(found, open)}`, seconds: SESSION_SECONDS };
  }

  /** The holder of a session; undefined if it is invalid or has ended. */
  sessionHolder(session: string): KeyHolder | undefined {
    const end = session.lastIndexOf(".");
    const [open, signed] = [session.slice(0, Math.max(0, end)), session.slice(end + 1)];
    const found = this.#knownBy((known) => digest(signature(known, open)), signed);
    return Number.parseInt(open, 10) * 1000 > Date.now() ? found : undefined;
  }

  #knownBy(digestOf: (known: KnownKey) => Buffer, given: string): KnownKey | undefined {
    const wanted = digest(given);
    return this.#known.filter((known) => timingSafeEqual(digestOf(known), wanted))[0];
  }
}

const signature = ({ digest: key }: KnownKey, open: string): string =>
  createHmac("sha256", key).update(`session ${open}`).digest("base64url");
