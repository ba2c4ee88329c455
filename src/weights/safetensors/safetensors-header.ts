import { expected } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { isObject, parseStrictJson, type StrictJson } from "../../files/reading/strict-json.ts";
import { bytesPerElement, type DType } from "../../torch/dtype.ts";
import { isPacked, type PackedType, packedTypes } from "./packed-types.ts";

/** Longest header, in bytes, that the format allows. */
export const HEADER_LIMIT = 100_000_000;
/** Size of the length field before the header: 8 bytes, little-endian. */
export const PREFIX_BYTES = 8;

/** Element type and sizes of one tensor. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Position of a tensor's elements in its file. */
export interface TensorEntry extends TensorSpec {
  /** The element type in the file, if the engine lacks it and `dtype` replaces it. */
  readonly packed?: PackedType | undefined;
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The parsed header of a safetensors file. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** The format's names, in the order in which the reference writer lays tensors out. */
const FORMAT_NAMES: ReadonlyMap<DType, string> = new Map([
  ["int64", "I64"],
  ["float64", "F64"],
  ["float32", "F32"],
  ["int32", "I32"],
  ["bfloat16", "BF16"],
  ["float16", "F16"],
  ["int16", "I16"],
  ["int8", "I8"],
  ["uint8", "U8"],
  ["bool", "BOOL"],
]);
const DTYPES: ReadonlyMap<string, DType> = new Map(
  [...FORMAT_NAMES].map(([dtype, name]) => [name, dtype]),
);
const LAYOUT_ORDER: readonly DType[] = [...FORMAT_NAMES.keys()];
const METADATA_KEY = "__metadata__";
const NARROW_FLOATS =
  "other floats of 8 bits or fewer are not read: convert the file to float16 with the program that wrote it";
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** Bytes of a tensor's elements; undefined beyond 2^53. */
export const byteSize = ({ dtype, shape }: TensorSpec): number | undefined =>
  sizeOf(shape, bytesPerElement(dtype));

/** The product is checked at each factor, as the reference does. */
function sizeOf(shape: readonly number[], elementBytes: number): number | undefined {
  let size = 1;
  for (const extent of [...shape, elementBytes]) {
    size *= extent;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}

/** The header's entry for one tensor, before any checks. */
interface Claim extends TensorSpec {
  readonly name: string;
  readonly packed: PackedType | undefined;
  readonly begin: number;
  readonly end: number;
}

const tensorPlace = (name: string): string => `tensor ${quote(name)}`;

/**
 * Reads and checks the JSON header of a safetensors file whose data part has `dataLength` bytes. The order of the checks is the
 * reference's (huggingface/safetensors, `safetensors/src/tensor.rs`); every violation throws a BadFileError.
 */
export function parseHeader(
  path: string,
  header: Uint8Array,
  dataLength: number,
): SafetensorsHeader {
  const root = parseText(path, header);
  if (!isObject(root)) throw new BadFileError(path, "header", "a JSON object", quote(root));

  let metadata = NO_METADATA;
  const claims: Claim[] = [];
  for (const name of Object.keys(root)) {
    const value = root[name];
    if (name === METADATA_KEY) metadata = parseMetadata(path, value);
    else claims.push(parseEntry(path, name, value));
  }
  claims.sort((a, b) => a.begin - b.begin || a.end - b.end);

  const dataStart = PREFIX_BYTES + header.length;
  const tensors = new Map<string, TensorEntry>();
  let position = 0;
  for (const { name, dtype, packed, shape, begin, end } of claims) {
    if (begin !== position || end < begin) {
      throw new BadFileError(
        path,
        tensorPlace(name),
        `data_offsets to start at ${position}, where the previous tensor ends`,
        `[${begin}, ${end}]`,
      );
    }
    const size =
      packed === undefined ? byteSize({ dtype, shape }) : sizeOf(shape, packedTypes[packed].bytes);
    if (size !== end - begin) {
      const described = `${packed ?? dtype} of shape [${shape.slice(0, 16).join(", ")}]`;
      throw size === undefined
        ? new BadFileError(path, tensorPlace(name), "a size below 2^53 bytes", described)
        : new BadFileError(
            path,
            tensorPlace(name),
            `${size} bytes for ${described}`,
            `${end - begin}`,
          );
    }
    position = end;
    const place = { byteOffset: dataStart + begin, byteLength: size };
    tensors.set(name, { dtype, ...(packed && { packed }), shape, ...place });
  }
  if (position !== dataLength) {
    throw new BadFileError(
      path,
      "data",
      `${position} bytes, as the header says`,
      `${dataLength}`,
      "the file was cut short or something was appended",
    );
  }
  return { metadata, tensors };
}

function parseText(path: string, header: Uint8Array): StrictJson {
  if (header[0] !== 0x7b) {
    const first = header.length === 0 ? "nothing" : `byte 0x${header[0]?.toString(16)}`;
    throw new BadFileError(path, "header", "JSON that starts with {", first);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
    return parseStrictJson(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? quote(error.message) : "bytes that are not UTF-8";
    throw new BadFileError(path, "header", "valid JSON in UTF-8", reason);
  }
}

function parseMetadata(
  path: string,
  value: StrictJson | undefined,
): Readonly<Record<string, string>> {
  // The reference takes null for "no metadata".
  if (value === null) return NO_METADATA;
  if (!isObject(value)) {
    throw new BadFileError(path, METADATA_KEY, "an object of strings", quote(value));
  }
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw new BadFileError(path, `${METADATA_KEY} ${quote(key)}`, "a string", quote(text));
    }
    metadata[key] = text;
  }
  return Object.freeze(metadata);
}

function parseEntry(path: string, name: string, value: StrictJson | undefined): Claim {
  if (!isObject(value)) {
    throw new BadFileError(
      path,
      tensorPlace(name),
      "an object with dtype, shape and data_offsets",
      quote(value),
    );
  }
  const packed = isPacked(value.dtype) ? value.dtype : undefined;
  const own = typeof value.dtype === "string" ? DTYPES.get(value.dtype) : undefined;
  const dtype = packed === undefined ? own : packedTypes[packed].dtype;
  if (dtype === undefined) {
    const names = [...DTYPES.keys(), ...Object.keys(packedTypes)];
    const known = `dtype to be one of ${names.join(", ")}`;
    const isNarrow = typeof value.dtype === "string" && /^F[468](?:_|$)/.test(value.dtype);
    const advice = isNarrow ? NARROW_FLOATS : undefined;
    throw new BadFileError(path, tensorPlace(name), known, quote(value.dtype), advice);
  }
  const { shape, data_offsets: offsets } = value;
  if (!isIndices(shape)) {
    throw new BadFileError(
      path,
      tensorPlace(name),
      "shape to be non-negative integers",
      quote(shape),
    );
  }
  const [begin, end, ...rest] = isIndices(offsets) ? offsets : [];
  if (begin === undefined || end === undefined || rest.length > 0) {
    throw new BadFileError(
      path,
      tensorPlace(name),
      "data_offsets to be two non-negative integers",
      quote(offsets),
    );
  }
  return { name, dtype, packed, shape, begin, end };
}

const isIndices = (value: StrictJson | undefined): value is number[] =>
  Array.isArray(value) && value.every((item) => typeof item === "number");

/** libtorch aligns its memory to this many bytes, and kernels may round differently on unaligned memory. */
const ALIGNMENT = 64;

/**
 * Sorts the tensors for writing: first those that leave the next one aligned, then the others, whose sizes are odd and mostly
 * small; within each group by dtype and by the bytes of the name, as the reference writer does. Throws InvalidValueError for what
 * the format cannot store.
 */
export function layoutOrder<T extends TensorSpec>(tensors: ReadonlyMap<string, T>): [string, T][] {
  return [...tensors]
    .map(([name, spec]) => ({
      name,
      spec,
      isOdd: Number(checkedSize(name, spec) % ALIGNMENT !== 0),
      rank: LAYOUT_ORDER.indexOf(spec.dtype),
      bytes: Buffer.from(name),
    }))
    .sort((a, b) => a.isOdd - b.isOdd || a.rank - b.rank || Buffer.compare(a.bytes, b.bytes))
    .map(({ name, spec }) => [name, spec]);
}

/**
 * The 8-byte prefix and the header of a file that holds these tensors. Its length is a multiple of 64 bytes, unlike the reference
 * writer's 8, so that a mapped file gives aligned tensors. Throws InvalidValueError for what the format cannot store.
 */
export function formatHeader(
  tensors: ReadonlyMap<string, TensorSpec>,
  metadata: Readonly<Record<string, string>> = NO_METADATA,
): Uint8Array {
  const entries: string[] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${jsonString(key)}:${jsonString(metadata[key])}`);
    entries.push(`"${METADATA_KEY}":{${pairs.join(",")}}`);
  }
  let position = 0;
  for (const [name, spec] of layoutOrder(tensors)) {
    const begin = position;
    position += checkedSize(name, spec);
    entries.push(
      `${jsonString(name)}:{"dtype":"${FORMAT_NAMES.get(spec.dtype)}","shape":[${spec.shape.join(",")}],"data_offsets":[${begin},${position}]}`,
    );
  }
  const json = Buffer.from(`{${entries.join(",")}}`);
  const length = Math.ceil((PREFIX_BYTES + json.length) / ALIGNMENT) * ALIGNMENT - PREFIX_BYTES;
  if (length > HEADER_LIMIT) {
    throw expected(
      `names and shapes that fit a header of ${HEADER_LIMIT} bytes`,
      "tensors",
      `${length} bytes`,
    );
  }
  const header = Buffer.alloc(PREFIX_BYTES + length, " ");
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, PREFIX_BYTES);
  return header;
}

function checkedSize(name: string, spec: TensorSpec): number {
  if (name === METADATA_KEY) {
    throw expected("another name", "a tensor", METADATA_KEY);
  }
  if (!FORMAT_NAMES.has(spec.dtype)) {
    throw expected(
      `one of ${LAYOUT_ORDER.join(", ")}`,
      `the dtype of ${quote(name)}`,
      quote(spec.dtype),
    );
  }
  const whole = spec.shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  const size = whole ? byteSize(spec) : undefined;
  if (size === undefined) {
    throw expected(
      "non-negative integers with a product below 2^53",
      `the shape of ${quote(name)}`,
      `[${spec.shape.join(", ")}]`,
    );
  }
  return size;
}

function jsonString(text: string | undefined): string {
  if (typeof text !== "string" || /\p{Surrogate}/u.test(text)) {
    throw expected("well-formed text", "a name or metadata", quote(text));
  }
  return JSON.stringify(text);
}
