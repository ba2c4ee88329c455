/** Limits of {@link UnpackedGroups}. */
export interface UnpackedLimits {
  /** Bytes that all groups together may take. */
  readonly bytes: number;
  /** Groups that stay whatever their size, since pictures and their control pictures are read in turn. */
  readonly least: number;
}

type Rows = Record<string, unknown>[];

interface Kept {
  readonly rows: Promise<Rows>;
  bytes: number;
  hasFailed: boolean;
}

/** The most recently used row groups of all files, unpacked, up to a number of bytes. */
export class UnpackedGroups {
  readonly #limits: UnpackedLimits;
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();

  constructor(limits: UnpackedLimits) {
    this.#limits = limits;
  }

  /** The rows of a group, by a key of its own; `unpack` reads them if they are not kept. */
  rows(key: string, unpack: () => Promise<Rows>): Promise<Rows> {
    const kept = this.#kept.get(key) ?? this.#unpacked(unpack);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    this.#forget();
    return kept.rows;
  }

  #unpacked(unpack: () => Promise<Rows>): Kept {
    const kept: Kept = {
      bytes: 0,
      hasFailed: false,
      rows: unpack().then(
        (rows) => {
          kept.bytes = bytesIn(rows);
          this.#forget();
          return rows;
        },
        (error: unknown) => {
          kept.hasFailed = true;
          throw error;
        },
      ),
    };
    return kept;
  }

  /**
   * Drops the groups that were not used for the longest time, until the others are within the limit. One that could not be read
   * is only remembered for the rows read next: its file may be readable later.
   */
  #forget(): void {
    let bytes = [...this.#kept.values()].reduce((sum, kept) => sum + kept.bytes, 0);
    for (const [key, kept] of [...this.#kept].slice(0, -this.#limits.least)) {
      if (bytes <= this.#limits.bytes && !kept.hasFailed) continue;
      this.#kept.delete(key);
      bytes -= kept.bytes;
    }
  }
}

/** Bytes of the pictures in rows; measured, because a file may declare any size. */
function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, item) => sum + bytesIn(item), 0);
}
