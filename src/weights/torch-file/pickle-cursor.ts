import { PickleRefusal } from "./pickle-values.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LINE_FEED = 0x0a;
const LONGEST_LINE = 200;

/** The bytes end before the pickle does. */
export class PickleEnd extends PickleRefusal {}

/** Reads a pickle's operands from front to back. Throws {@link PickleRefusal} if the bytes end or are malformed. */
export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  /** Number of remaining bytes. */
  get rest(): number {
    return this.#bytes.length - this.#position;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** The only big-endian number of the format. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** A little-endian integer in two's complement. */
  integer(length: number): number | bigint {
    const digits = Buffer.from(this.bytes(length)).reverse().toString("hex");
    const value = digits === "" ? 0n : BigInt.asIntN(length * 8, BigInt(`0x${digits}`));
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(length: number): string {
    const start = this.#position;
    const bytes = this.bytes(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new PickleRefusal(`text in UTF-8 at byte ${start}`, "other bytes");
    }
  }

  /** A name that ends with a line feed. */
  line(): string {
    const start = this.#position;
    const end = this.#bytes.subarray(start, start + LONGEST_LINE).indexOf(LINE_FEED);
    if (end < 0) {
      const Refusal = this.rest < LONGEST_LINE ? PickleEnd : PickleRefusal;
      throw new Refusal(`a name at byte ${start}`, "no end to it");
    }
    const text = this.text(end);
    this.#take(1);
    return text;
  }

  /** The position of the next `count` bytes. */
  #take(count: number): number {
    const start = this.#position;
    if (count > this.rest) {
      throw new PickleEnd(`${count} bytes at byte ${start}`, "the end of the pickle");
    }
    this.#position = start + count;
    return start;
  }
}
