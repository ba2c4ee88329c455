import { expected, expectedType, UnsupportedError } from "../errors/index.ts";

/** Element types, named as NumPy and PyTorch name them. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

/** Location of a tensor: `"cpu"`, `"cuda"`, `"cuda:1"`, or `"meta"` for shapes without memory. */
export type Device = string;

/** Typed arrays that tensor elements can be read into or created from. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

interface DTypeInfo {
  /** libtorch's ScalarType. */
  readonly code: number;
  readonly bytes: number;
}

const INFO: Readonly<Record<DType, DTypeInfo>> = {
  uint8: { code: 0, bytes: 1 },
  int8: { code: 1, bytes: 1 },
  int16: { code: 2, bytes: 2 },
  int32: { code: 3, bytes: 4 },
  int64: { code: 4, bytes: 8 },
  float16: { code: 5, bytes: 2 },
  float32: { code: 6, bytes: 4 },
  float64: { code: 7, bytes: 8 },
  bool: { code: 11, bytes: 1 },
  bfloat16: { code: 15, bytes: 2 },
};

const BY_CODE: ReadonlyMap<number, DType> = new Map(
  Object.entries(INFO).map(([name, { code }]) => [code, name as DType]),
);

/** All element types, narrow to wide. */
export const dtypes: readonly DType[] = Object.keys(INFO) as DType[];

/** libtorch's number for a dtype; undefined passes through as "the operator's default". */
export function dtypeCode(dtype: DType): number;
export function dtypeCode(dtype: DType | undefined): number | undefined;
export function dtypeCode(dtype: DType | undefined): number | undefined {
  if (dtype === undefined) return undefined;
  const info = INFO[dtype];
  if (info === undefined) {
    throw expected(`one of ${dtypes.join(", ")}`, "dtype", String(dtype));
  }
  return info.code;
}

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => INFO[dtype].bytes;

/** The dtype for libtorch's number. Throws for complex, quantised and other types that this library does not use. */
export function dtypeFromCode(code: number): DType {
  const dtype = BY_CODE.get(code);
  if (dtype === undefined)
    throw new UnsupportedError(`libtorch's scalar type ${code} is not supported`);
  return dtype;
}

/** Whether gradients can flow through the dtype. */
export const isFloatingPoint = (dtype: DType): boolean =>
  dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";

/** The dtype of a typed array's elements. */
export function dtypeOfArray(array: TypedArray): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Uint8Array) return "uint8";
  throw expectedType(
    "an array of floats, signed integers or bytes",
    "data",
    `a ${array.constructor.name}`,
  );
}

/** A typed array over bytes from toBytes(). JavaScript has no arrays of 16-bit floats: convert to float32 first. */
export function arrayOver(bytes: ArrayBuffer, dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(bytes);
    case "float64":
      return new Float64Array(bytes);
    case "int64":
      return new BigInt64Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    case "int16":
      return new Int16Array(bytes);
    case "int8":
      return new Int8Array(bytes);
    case "float16":
    case "bfloat16":
      return new Uint16Array(bytes);
    default:
      return new Uint8Array(bytes);
  }
}
