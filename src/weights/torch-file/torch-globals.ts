import { quote } from "../../files/reading/errors.ts";
import type { DType } from "../../torch/dtype.ts";
import {
  describeValue,
  type GlobalRule,
  OrderedPickleDict,
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleRefusal,
  PickleSet,
  PickleTuple,
  type PickleValue,
  StoredTensor,
  TorchStorage,
} from "./pickle-values.ts";

// The globals found in checkpoints of PixArt, DiT and diffengine: those of torch 2.13, of mmengine 0.10.7's Runner, and of the
// training scripts of PixArt-alpha, PixArt-sigma and facebookresearch/DiT. mmengine stores its HistoryBuffers in `message_hub`:
// NumPy arrays, and a table of their own methods, which Python pickles as `getattr(HistoryBuffer, "mean")`. All of that becomes
// inert data.

const HISTORY_BUFFER = "mmengine.logging.history_buffer.HistoryBuffer";

const STORAGE_DTYPES: Readonly<Record<string, DType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

/** A name that may occur in a checkpoint as a value, such as a dtype among options, and is never called. */
const named: GlobalRule = {};
/** A class whose objects are kept as descriptions. */
const inert: GlobalRule = { isInert: true };
/** A function whose results are kept as descriptions of the call. */
const described = (name: string): GlobalRule => ({ call: (args) => new PickleObject(name, args) });

const emptyDict = (args: readonly PickleValue[]): OrderedPickleDict => {
  const [content, ...rest] = args;
  if (content === undefined) return new OrderedPickleDict();
  if (content instanceof PickleDict && rest.length === 0) return new OrderedPickleDict(content);
  throw new PickleRefusal("an empty dict, or one made of a dict", describeValue(content));
};

const RULES: ReadonlyMap<string, GlobalRule> = new Map<string, GlobalRule>([
  ["collections.OrderedDict", { call: emptyDict }],
  ["collections.Counter", { call: emptyDict }],
  // Its argument, the factory of missing values, is one of the names below; it is never called.
  ["collections.defaultdict", { call: (args) => emptyDict(args.slice(1)) }],
  ["builtins.dict", named],
  ["builtins.list", named],
  ["builtins.int", named],
  ["builtins.float", named],
  ["builtins.set", { call: setOf }],
  ["builtins.getattr", { call: methodOfHistoryBuffer }],
  ["_codecs.encode", { call: latin1Bytes }],

  ["torch._utils._rebuild_tensor_v2", { call: rebuildTensor }],
  ["torch._utils._rebuild_parameter", { call: rebuildParameter }],
  ["torch.Size", { call: (args) => requireTuple(args[0], "torch.Size") }],
  ["torch.device", described("torch.device")],
  ...Object.keys(STORAGE_DTYPES).map((name): [string, GlobalRule] => [`torch.${name}`, named]),
  ...Object.values(STORAGE_DTYPES).map((name): [string, GlobalRule] => [`torch.${name}`, named]),

  // NumPy's arrays and numbers, under the names of its versions 1 and 2.
  ["numpy.dtype", { ...described("numpy.dtype"), ...inert }],
  ["numpy.ndarray", named],
  ...["core", "_core"].flatMap((room): [string, GlobalRule][] =>
    ["_reconstruct", "scalar"].map((name) => [
      `numpy.${room}.multiarray.${name}`,
      described(`numpy.${name}`),
    ]),
  ),

  ["argparse.Namespace", inert],
  [HISTORY_BUFFER, inert],
]);

/** Python 2's names, which pickles of protocol 2 still use. */
const PRESENT_MODULES: ReadonlyMap<string, string> = new Map([["__builtin__", "builtins"]]);

/** The global of that name if it is one of the few allowed ones. Throws {@link PickleRefusal} otherwise. */
export function torchGlobal(module: string, name: string): PickleGlobal {
  const fullName = `${PRESENT_MODULES.get(module) ?? module}.${name}`;
  const rule = RULES.get(fullName);
  if (rule === undefined) {
    throw new PickleRefusal("only globals that plain checkpoints have", quote(fullName));
  }
  return new PickleGlobal(fullName, rule);
}

/** The storage that a persistent id describes: `("storage", torch.FloatStorage, "0", "cpu", 24)`. */
export function storageOf(id: PickleValue): TorchStorage {
  const [kind, type, key, location, length] = id instanceof PickleTuple ? id.items : [];
  const dtype = type instanceof PickleGlobal ? STORAGE_DTYPES[type.name.slice(6)] : undefined;
  if (
    kind !== "storage" ||
    dtype === undefined ||
    typeof key !== "string" ||
    // Names of entries: only the numbers that torch assigns, or addresses in its older format.
    !/^\d{1,20}$/.test(key) ||
    typeof location !== "string" ||
    !isIndex(length)
  ) {
    throw new PickleRefusal(
      "a storage with its type, number, device and length",
      describeValue(id),
    );
  }
  return new TorchStorage(key, dtype, length);
}

const isIndex = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function rebuildTensor(args: readonly PickleValue[]): StoredTensor {
  const [storage, offset, size, stride, requiresGrad, hooks, metadata] = args;
  if (!(storage instanceof TorchStorage) || typeof requiresGrad !== "boolean" || args.length > 7) {
    throw new PickleRefusal("a tensor over a storage", describeValue(storage));
  }
  // Hooks are functions; metadata marks conjugated and negated views.
  for (const extra of [hooks, metadata]) {
    if (extra !== undefined && !(extra instanceof PickleDict && extra.size === 0)) {
      throw new PickleRefusal("a tensor without hooks or marks", describeValue(extra));
    }
  }
  const shape = requireTuple(size, "the size of a tensor").items;
  const strides = requireTuple(stride, "the strides of a tensor").items;
  if (
    !isIndex(offset) ||
    !shape.every(isIndex) ||
    !strides.every(isIndex) ||
    shape.length !== strides.length
  ) {
    throw new PickleRefusal(
      "non-negative integers for a tensor's offset, size and strides",
      "others",
    );
  }
  requireInside(storage, offset, shape, strides);
  return new StoredTensor(storage, offset, shape, strides);
}

function requireInside(
  storage: TorchStorage,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const described = `shape [${shape.slice(0, 8)}], strides [${strides.slice(0, 8)}], offset ${offset}`;
  const count = shape.reduce((product, extent) => product * extent, 1);
  // An expanded tensor would let a small file fill memory.
  if (count > storage.length) {
    throw new PickleRefusal(`at most the ${storage.length} elements of its storage`, described);
  }
  const last = shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] ?? 0), offset);
  if (count > 0 ? last >= storage.length : offset > storage.length) {
    throw new PickleRefusal(`a view inside its storage of ${storage.length} elements`, described);
  }
}

function rebuildParameter(args: readonly PickleValue[]): StoredTensor {
  const [tensor, requiresGrad, hooks] = args;
  const isPlain = hooks instanceof PickleDict && hooks.size === 0 && args.length === 3;
  if (!(tensor instanceof StoredTensor) || typeof requiresGrad !== "boolean" || !isPlain) {
    throw new PickleRefusal("a parameter over a tensor", describeValue(tensor));
  }
  return tensor;
}

function requireTuple(value: PickleValue | undefined, what: string): PickleTuple {
  if (!(value instanceof PickleTuple)) {
    throw new PickleRefusal(`a tuple for ${what}`, describeValue(value));
  }
  return value;
}

function setOf(args: readonly PickleValue[]): PickleSet {
  const [items, ...rest] = args;
  if (!Array.isArray(items) || rest.length > 0) {
    throw new PickleRefusal("a set made of a list", describeValue(items));
  }
  return new PickleSet(items);
}

/** Bytes, in the encoding of protocol 2. */
function latin1Bytes(args: readonly PickleValue[]): Uint8Array {
  const [text, encoding] = args;
  if (typeof text !== "string" || encoding !== "latin1" || !/^[\0-\xff]*$/.test(text)) {
    throw new PickleRefusal("bytes spelled in latin1", describeValue(encoding));
  }
  return Buffer.from(text, "latin1");
}

function methodOfHistoryBuffer(args: readonly PickleValue[]): PickleObject {
  const [owner, name] = args;
  const isOwn = owner instanceof PickleGlobal && owner.name === HISTORY_BUFFER;
  if (!isOwn || typeof name !== "string" || args.length !== 2) {
    throw new PickleRefusal(`getattr of ${HISTORY_BUFFER} alone`, `of ${describeValue(owner)}`);
  }
  return new PickleObject("builtins.getattr", args);
}
