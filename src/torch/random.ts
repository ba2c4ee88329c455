import { createHash } from "node:crypto";
import { expected, InvalidValueError } from "../errors/index.ts";
import { type GeneratorHandle, native } from "./binding.ts";
import type { Device } from "./dtype.ts";

function checkSeed(seed: number | bigint): void {
  if (seed < 0 || seed >= 2n ** 64n) {
    throw expected("0 to 2**64 - 1", "seed", seed);
  }
  if (typeof seed === "number" && seed > Number.MAX_SAFE_INTEGER) {
    throw new InvalidValueError(
      `Expected a number up to 2**53 - 1 for seed but received ${seed}, which may be rounded; pass a bigint`,
    );
  }
}

/** Random numbers in their order, and how often some were drawn. */
interface Stream {
  readonly handle: GeneratorHandle;
  draws: number;
}

/** A stream of random numbers, the same as PyTorch's `torch.Generator` for the same seed and device. */
export class Generator {
  readonly #stream: Stream;
  #draws = 0;
  readonly seed: number | bigint;
  readonly device: Device;

  /** @param origin of whose stream this is another reader */
  constructor(seed: number | bigint, device: Device = "cpu", origin?: Generator) {
    checkSeed(seed);
    this.seed = seed;
    this.device = device;
    this.#stream =
      origin === undefined ? { handle: native.generator(seed, device), draws: 0 } : origin.#stream;
  }

  /** The same stream for one more user: a draw by either moves it for both. */
  reader(): Generator {
    return new Generator(this.seed, this.device, this);
  }

  /** Whether all that was ever drawn from the stream was drawn through this object, so that its seed gives the same again. */
  get hasDrawnAll(): boolean {
    return this.#draws === this.#stream.draws;
  }

  /** For operators that draw from it. */
  get handle(): GeneratorHandle {
    this.#draws++;
    this.#stream.draws++;
    return this.#stream.handle;
  }
}

/** A new generator with a seed: a non-negative integer, as a bigint from 2^53 on. */
export const generator = (seed: number | bigint, device: Device = "cpu"): Generator =>
  new Generator(seed, device);

/** Seeds libtorch's default generators, which are used whenever no generator is given. */
export function manualSeed(seed: number | bigint): void {
  checkSeed(seed);
  native.manualSeed(seed);
}

/** The seed of the stream for one purpose and index: the first 63 bits of SHA-256 over all three. */
export function streamSeed(seed: number, purpose: string, index: number): bigint {
  const digest = createHash("sha256").update(`${seed}\0${purpose}\0${index}`).digest();
  return digest.readBigUInt64BE(0) >> 1n;
}

/**
 * A generator that depends only on (seed, purpose, index). Draws made this way need no stored state to resume and do not depend
 * on how many processes or workers there are.
 */
export const stream = (
  seed: number,
  purpose: string,
  index: number,
  device: Device = "cpu",
): Generator => new Generator(streamSeed(seed, purpose, index), device);
