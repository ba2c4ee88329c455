import type { DType } from "../../torch/dtype.ts";

/** Values that a pickle may contain here: data, and names of Python objects that are never looked up or executed. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleTuple
  | PickleSet
  | PickleGlobal
  | PickleObject
  | TorchStorage
  | StoredTensor;

/** A Python `dict`; an `OrderedDict` is an {@link OrderedPickleDict}. */
export class PickleDict extends Map<PickleValue, PickleValue> {}

/** A Python `OrderedDict`, `defaultdict` or `Counter`: may have attributes, which are ignored. */
export class OrderedPickleDict extends PickleDict {}

/** A Python `tuple`. */
export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A Python `set` or `frozenset`. */
export class PickleSet {
  readonly items: PickleValue[];

  constructor(items: PickleValue[]) {
    this.items = items;
  }
}

/** What an allowed global may be used for. */
export interface GlobalRule {
  /** Computes the result of calling it from checked arguments. Throws PickleRefusal. Without it, calls are refused. */
  readonly call?: (args: readonly PickleValue[]) => PickleValue;
  /** Whether its objects may be described: they become an inert {@link PickleObject}. */
  readonly isInert?: boolean;
}

/** An allowed name of a Python module. */
export class PickleGlobal {
  readonly name: string;
  readonly rule: GlobalRule;

  constructor(name: string, rule: GlobalRule) {
    this.name = name;
    this.rule = rule;
  }
}

/** An object of an allowed class, as described in the file. No code of the class is executed. */
export class PickleObject {
  readonly className: string;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;

  constructor(className: string, args: readonly PickleValue[]) {
    this.className = className;
    this.args = args;
  }
}

/** A storage of a torch checkpoint: one `data/<key>` entry of an archive. */
export class TorchStorage {
  readonly key: string;
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;

  constructor(key: string, dtype: DType, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
  }
}

/** A tensor of a torch checkpoint: a view of a storage, with checked bounds. */
export class StoredTensor {
  readonly storage: TorchStorage;
  /** In elements. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: TorchStorage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  get dtype(): DType {
    return this.storage.dtype;
  }
}

/** Thrown for something in a pickle that is refused: what was expected, and what was found. */
export class PickleRefusal extends Error {
  readonly expected: string;
  readonly found: string;

  constructor(expected: string, found: string) {
    super(`expected ${expected} but found ${found}`);
    this.expected = expected;
    this.found = found;
  }
}

/** A short description of a value for a message. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return "a string";
  if (typeof value !== "object") return `${value}`.slice(0, 40);
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof PickleObject) return `an object of ${value.className}`;
  if (value instanceof PickleTuple) return "a tuple";
  if (value instanceof PickleDict) return "a dict";
  if (value instanceof PickleSet) return "a set";
  if (value instanceof TorchStorage) return "a storage";
  if (value instanceof StoredTensor) return "a tensor";
  return value instanceof Uint8Array ? "bytes" : "a list";
}
