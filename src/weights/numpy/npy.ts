import { BadFileError, quote } from "../../files/reading/errors.ts";
import { RegularFile } from "../../files/reading/regular-file.ts";
import type { DType } from "../../torch/dtype.ts";
import type { TensorBytes } from "../safetensors/safetensors-bytes.ts";
import { byteSize } from "../safetensors/safetensors-header.ts";

// The format is described in numpy's own documentation (numpy.lib.format, versions 1.0 to 3.0).

const MAGIC = Buffer.from("\x93NUMPY", "latin1");
/** Versions differ in how long a header may be and in its encoding. */
const LENGTH_BYTES: ReadonlyMap<number, 2 | 4> = new Map([
  [1, 2],
  [2, 4],
  [3, 4],
]);
/** numpy's own default limit. */
const LONGEST_HEADER = 10_000;
/** The limit of numpy's arrays. */
const MOST_DIMENSIONS = 64;

const DTYPES: ReadonlyMap<string, DType> = new Map([
  ["<f2", "float16"],
  ["<f4", "float32"],
  ["<f8", "float64"],
  ["|i1", "int8"],
  ["<i2", "int16"],
  ["<i4", "int32"],
  ["<i8", "int64"],
  ["|u1", "uint8"],
  ["|b1", "bool"],
]);

const ITEM =
  /\s*(['"])(\w+)\1\s*:\s*(True|False|'[^'\\]*'|"[^"\\]*"|\([\d,\s]*\)|\[[^\]]*\])\s*(?:,|(?=\}))/sy;

/** The bytes of one array, wherever they are stored. */
export interface NpySource {
  /** Path of the file that contains them, for messages. */
  readonly path: string;
  /** Prefix of positions in messages; empty for a separate file. */
  readonly name: string;
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

/** Reads an array as `numpy.save` writes it. Throws BadFileError for anything else; nothing in the file is ever executed. */
export function readNpy(path: string): TensorBytes {
  using file = new RegularFile(path, "a numpy array");
  return decodeNpy({
    path,
    name: "",
    size: file.size,
    read: (offset, length) => file.read(offset, length),
  });
}

/** The array of a source. Throws BadFileError. */
export function decodeNpy(source: NpySource): TensorBytes {
  const { header, start } = headerOf(source);
  const spec = parseHeader(header, source);
  const size = byteSize(spec);
  const described = `${spec.dtype} of shape [${spec.shape.join(", ")}]`;
  if (size !== source.size - start) {
    const expected = size === undefined ? "fewer than 2^53 bytes" : `${size} bytes`;
    throw refusal(source, "data", `${expected} for ${described}`, `${source.size - start}`);
  }
  const bytes = source.read(start, size);
  // Any other byte in a bool is undefined behaviour in C++.
  const odd = spec.dtype === "bool" ? bytes.find((byte) => byte > 1) : undefined;
  if (odd !== undefined) throw refusal(source, "data", "0 or 1 for bool", `${odd}`);
  return { ...spec, bytes };
}

function headerOf(source: NpySource): { readonly header: string; readonly start: number } {
  const begin = Buffer.from(source.read(0, Math.min(source.size, MAGIC.length + 2)));
  if (begin.length < MAGIC.length + 2 || !begin.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw refusal(source, "file", "a numpy array, as numpy.save writes", "something else");
  }
  const [major = 0, minor = 0] = begin.subarray(MAGIC.length);
  const width = LENGTH_BYTES.get(major);
  if (width === undefined || minor !== 0) {
    throw refusal(source, "version", "1.0, 2.0 or 3.0", `${major}.${minor}`);
  }
  const cut = (expected: string): BadFileError =>
    refusal(source, "header", expected, `a file of ${source.size}`, "the file was cut short");
  const offset = begin.length;
  if (source.size < offset + width) throw cut(`${width} bytes with its length`);
  const length = Buffer.from(source.read(offset, width)).readUIntLE(0, width);
  if (length > LONGEST_HEADER) {
    throw refusal(source, "header", `at most ${LONGEST_HEADER} bytes`, `${length}`);
  }
  const start = offset + width + length;
  if (source.size < start) throw cut(`${length} bytes`);
  const encoding = major === 3 ? "utf8" : "latin1";
  return { header: Buffer.from(source.read(offset + width, length)).toString(encoding), start };
}

/** A Python dictionary of three literals, and nothing else. */
function parseHeader(header: string, source: NpySource): Pick<TensorBytes, "dtype" | "shape"> {
  const text = header.trimEnd();
  const items = new Map<string, string>();
  ITEM.lastIndex = text.startsWith("{") ? 1 : text.length;
  let end = ITEM.lastIndex;
  for (let item = ITEM.exec(text); item !== null; item = ITEM.exec(text)) {
    const [, , key = "", value = ""] = item;
    end = ITEM.lastIndex;
    if (items.has(key)) throw refusal(source, "header", "each key once", `${quote(key)} again`);
    items.set(key, value);
  }
  const keys = [...items.keys()].sort().join();
  if (!/^\s*\}$/.test(text.slice(end)) || keys !== "descr,fortran_order,shape") {
    throw refusal(source, "header", "descr, fortran_order and shape", quote(text));
  }
  const dtype = dtypeOf(items.get("descr") ?? "", source);
  const shape = shapeOf(items.get("shape") ?? "", source);
  const order = items.get("fortran_order");
  if (order !== "False" && order !== "True") {
    throw refusal(source, "fortran_order", "True or False", quote(order));
  }
  if (order === "True" && shape.length > 1) {
    const advice = "save numpy.ascontiguousarray(array) instead";
    throw refusal(source, "fortran_order", "rows one after the other", "columns", advice);
  }
  return { dtype, shape };
}

function dtypeOf(literal: string, source: NpySource): DType {
  const descr = /^['"]/.test(literal) ? literal.slice(1, -1) : literal;
  const dtype = DTYPES.get(descr);
  if (dtype !== undefined) return dtype;
  const advice = descr.startsWith("|O")
    ? "an array of Python objects is a pickle, and no code from a file is ever run"
    : undefined;
  const known = [...DTYPES.keys()].join(", ");
  throw refusal(source, "descr", `one of ${known}`, quote(descr), advice);
}

function shapeOf(literal: string, source: NpySource): number[] {
  const parts = literal.slice(1, -1).split(",");
  const last = parts.at(-1)?.trim() === "" ? parts.pop() : undefined;
  // One number in brackets is a number in Python.
  const isTuple = literal.startsWith("(") && (parts.length !== 1 || last !== undefined);
  const shape = parts.map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (!isTuple || shape.length > MOST_DIMENSIONS || !shape.every(Number.isSafeInteger)) {
    const expected = `at most ${MOST_DIMENSIONS} whole numbers in brackets`;
    throw refusal(source, "shape", expected, quote(literal));
  }
  return shape;
}

const refusal = (
  { path, name }: NpySource,
  place: string,
  expected: string,
  found: string,
  advice?: string,
): BadFileError =>
  new BadFileError(path, name === "" ? place : `${name} ${place}`, expected, found, advice);
