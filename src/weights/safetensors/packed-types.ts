import type { DType } from "../../torch/dtype.ts";

/** Element types of safetensors that the engine lacks. */
export type PackedType = "F8_E4M3" | "F8_E5M2" | "U16" | "U32" | "U64";

/** How to read a type that the engine lacks. */
export interface Packing {
  /** A type that can hold all of its values. */
  readonly dtype: DType;
  /** Bytes of one element in the file. */
  readonly bytes: number;
  /** A file's elements in `dtype`; undefined if one of them is too large for it. */
  readonly unpack: (stored: Uint8Array) => Uint8Array | undefined;
}

/** The values of the 256 floats of 8 bits that have this many bits for the fraction (arXiv 2209.05433). */
function float8(fractionBits: 2 | 3): Packing {
  const exponentBits = 7 - fractionBits;
  const highest = 2 ** exponentBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const steps = 2 ** fractionBits;
  const decoded = (byte: number): number => {
    const sign = byte > 127 ? -1 : 1;
    const exponent = (byte >> fractionBits) & highest;
    const fraction = byte % steps;
    // With two bits there are infinities as in wider floats; with three there are none, and a single NaN.
    if (fractionBits === 2 && exponent === highest)
      return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    if (exponent === highest && fraction === steps - 1) return Number.NaN;
    return exponent === 0
      ? sign * (fraction / steps) * 2 ** (1 - bias)
      : sign * (1 + fraction / steps) * 2 ** (exponent - bias);
  };
  const values = Float32Array.from({ length: 256 }, (_, byte) => decoded(byte));
  const unpack = (stored: Uint8Array): Uint8Array => {
    const floats = new Float32Array(stored.length);
    for (let i = 0; i < stored.length; i++) floats[i] = values[stored[i] ?? 0] ?? 0;
    return new Uint8Array(floats.buffer);
  };
  return { dtype: "float32", bytes: 1, unpack };
}

/** Unsigned integers, in the signed type of twice the width. */
function unsigned(bytes: 2 | 4, dtype: DType): Packing {
  const unpack = (stored: Uint8Array): Uint8Array => {
    const wide = new Uint8Array(2 * stored.length);
    for (let i = 0; i < stored.length; i++) {
      wide[2 * bytes * Math.floor(i / bytes) + (i % bytes)] = stored[i] ?? 0;
    }
    return wide;
  };
  return { dtype, bytes, unpack };
}

/** The packed types by their names in the format. */
export const packedTypes: Readonly<Record<PackedType, Packing>> = {
  F8_E4M3: float8(3),
  F8_E5M2: float8(2),
  U16: unsigned(2, "int32"),
  U32: unsigned(4, "int64"),
  U64: {
    dtype: "int64",
    bytes: 8,
    unpack: (stored) => (stored.some((byte, i) => i % 8 === 7 && byte > 127) ? undefined : stored),
  },
};

/** Whether `name` is a type of the format that the engine lacks. */
export const isPacked = (name: unknown): name is PackedType =>
  typeof name === "string" && Object.hasOwn(packedTypes, name);
