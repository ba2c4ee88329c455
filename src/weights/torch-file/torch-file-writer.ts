import { crc32 } from "node:zlib";
import { expected } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import { replaceFile } from "../../files/replace-file.ts";
import type { DType } from "../../torch/dtype.ts";
import type { LazyTensor } from "../lazy-tensors.ts";
import { byteSize } from "../safetensors/safetensors-header.ts";

// The archive that torch.save writes, reduced to what torch.load needs (torch `serialization.py` _save and
// `caffe2/serialize/inline_container.cc`): data.pkl, byteorder, the storages at multiples of 64 bytes, version.

const STORAGES: Readonly<Record<DType, string>> = {
  float32: "FloatStorage",
  float64: "DoubleStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  int32: "IntStorage",
  int16: "ShortStorage",
  int8: "CharStorage",
  uint8: "ByteStorage",
  bool: "BoolStorage",
};
const ALIGNMENT = 64;
/** Names of entries, local headers and sizes are those of a plain zip; only offsets use the 64-bit fields. */
const LARGEST_STORAGE = 2 ** 32 - 2;

/**
 * Writes `{"state_dict": {…}}` as `torch.save` would, durably and atomically, one tensor in memory at a time; Python reads it
 * with `weights_only=True`. The same tensors give the same bytes. Throws InvalidValueError for a tensor of 4 GiB or more.
 */
export async function writeTorchFile(
  path: string,
  tensors: ReadonlyMap<string, LazyTensor>,
): Promise<void> {
  for (const [name, tensor] of tensors) {
    const size = byteSize(tensor) ?? Number.POSITIVE_INFINITY;
    if (size <= LARGEST_STORAGE) continue;
    throw expected("less than 4 GiB", quote(name), `${size} bytes`);
  }
  await replaceFile(path, archive(tensors));
}

function* archive(tensors: ReadonlyMap<string, LazyTensor>): Generator<Uint8Array> {
  const directory: Buffer[] = [];
  let position = 0;
  function* entry(name: string, data: Uint8Array): Generator<Uint8Array> {
    const header = localHeader(name, data, position);
    directory.push(directoryEntry(name, data, position));
    position += header.length + data.length;
    yield header;
    yield data;
  }
  yield* entry("archive/data.pkl", pickle(tensors));
  yield* entry("archive/byteorder", Buffer.from("little"));
  let key = 0;
  for (const tensor of tensors.values()) yield* entry(`archive/data/${key++}`, tensor.bytes());
  yield* entry("archive/version", Buffer.from("3\n"));
  yield* directory;
  yield endRecords(directory.length, Buffer.concat(directory).length, position);
}

/** Signature, then fields of 2, 4 or 8 bytes, then the rest. */
function record(
  signature: number,
  fields: readonly (readonly [size: 2 | 4 | 8, value: number])[],
  ...rest: Uint8Array[]
): Buffer {
  const buffer = Buffer.alloc(4 + fields.reduce((sum, [size]) => sum + size, 0));
  let at = buffer.writeUInt32LE(signature);
  for (const [size, value] of fields) {
    if (size === 8) at = buffer.writeBigUInt64LE(BigInt(value), at);
    else at = buffer.writeUIntLE(value, at, size);
  }
  return Buffer.concat([buffer, ...rest]);
}

// 1 January 1980, the earliest date in a zip: files must not differ by their time of writing.
const FIRST_DAY = 0x21;

const commonFields = (
  name: string,
  data: Uint8Array,
  extra: number,
): (readonly [2 | 4, number])[] => [
  [2, 0], // flags
  [2, 0], // stored
  [2, 0], // time
  [2, FIRST_DAY],
  [4, crc32(data)],
  [4, data.length],
  [4, data.length],
  [2, Buffer.byteLength(name)],
  [2, extra],
];

function localHeader(name: string, data: Uint8Array, offset: number): Buffer {
  const plain = 30 + Buffer.byteLength(name);
  // An extra field of at least its own 4 bytes moves the data to its position.
  const padding = (ALIGNMENT - ((offset + plain + 4) % ALIGNMENT)) % ALIGNMENT;
  const extra = Buffer.alloc(4 + padding, "Z");
  extra.write("FB", 0, "latin1");
  extra.writeUInt16LE(padding, 2);
  return record(
    0x04034b50,
    [[2, 45], ...commonFields(name, data, extra.length)],
    Buffer.from(name),
    extra,
  );
}

function directoryEntry(name: string, data: Uint8Array, offset: number): Buffer {
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(offset), 4);
  return record(
    0x02014b50,
    [
      [2, 45],
      [2, 45],
      ...commonFields(name, data, extra.length),
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, 0xffffffff],
    ],
    Buffer.from(name),
    extra,
  );
}

function endRecords(entries: number, size: number, offset: number): Buffer {
  const end64 = record(0x06064b50, [
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, size],
    [8, offset],
  ]);
  const locator = record(0x07064b50, [
    [4, 0],
    [8, offset + size],
    [4, 1],
  ]);
  const end = record(0x06054b50, [
    [2, 0],
    [2, 0],
    [2, 0xffff],
    [2, 0xffff],
    [4, 0xffffffff],
    [4, 0xffffffff],
    [2, 0],
  ]);
  return Buffer.concat([end64, locator, end]);
}

/** The pickle, at protocol 2 and without a memo: names are spelled out each time. */
function pickle(tensors: ReadonlyMap<string, LazyTensor>): Buffer {
  const items = [...tensors].flatMap(([name, tensor], key) => [
    text(name),
    rebuiltTensor(tensor, key),
  ]);
  return Buffer.concat([
    opcodes("\x80\x02}"),
    text("state_dict"),
    ORDERED_DICT,
    opcodes("("),
    ...items,
    opcodes("us."),
  ]);
}

const opcodes = (codes: string): Buffer => Buffer.from(codes, "latin1");
const global = (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`);
const tuple = (...items: readonly Uint8Array[]): Buffer =>
  Buffer.concat([opcodes("("), ...items, opcodes("t")]);
const ORDERED_DICT = Buffer.concat([global("collections", "OrderedDict"), opcodes(")R")]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(5, "X");
  length.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([length, bytes]);
}

function integer(value: number): Buffer {
  if (value < 2 ** 31) {
    const short = Buffer.alloc(5, "J");
    short.writeInt32LE(value, 1);
    return short;
  }
  const long = Buffer.from([0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
  long.writeBigInt64LE(BigInt(value), 2);
  return long;
}

function rebuiltTensor({ dtype, shape }: LazyTensor, key: number): Buffer {
  const count = shape.reduce((product, extent) => product * extent, 1);
  let step = 1;
  const strides = shape
    .toReversed()
    .map((extent) => {
      const stride = step;
      step *= Math.max(extent, 1);
      return stride;
    })
    .reverse();
  const storage = [
    tuple(
      text("storage"),
      global("torch", STORAGES[dtype]),
      text(`${key}`),
      text("cpu"),
      integer(count),
    ),
    opcodes("Q"),
  ];
  return Buffer.concat([
    global("torch._utils", "_rebuild_tensor_v2"),
    tuple(
      ...storage,
      integer(0),
      tuple(...shape.map(integer)),
      tuple(...strides.map(integer)),
      opcodes("\x89"),
      ORDERED_DICT,
    ),
    opcodes("R"),
  ]);
}
