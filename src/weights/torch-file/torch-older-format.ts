import { BadFileError } from "../../files/reading/errors.ts";
import type { RegularFile } from "../../files/reading/regular-file.ts";
import { bytesPerElement } from "../../torch/dtype.ts";
import { readNextPickle } from "./pickle.ts";
import { PickleCursor, PickleEnd } from "./pickle-cursor.ts";
import {
  describeValue,
  PickleDict,
  PickleRefusal,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";
import { storageOf, torchGlobal } from "./torch-globals.ts";
import { KnownStorages, LONGEST_PICKLE, refusing, type TorchLayout } from "./torch-layout.ts";

// torch.save before version 1.6, and later with _use_new_zipfile_serialization=False (torch/serialization.py, _legacy_save): five
// pickles, with a magic number, a version, the machine, the content and the storages' keys; then, in the order of the keys, each
// storage as a 64-bit number of elements and the elements.

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** The pickles of a model's weights are shorter. If not, more is read. */
const FIRST_READ = 2 ** 20;

/** Whether the file begins like a pickle. */
export const isOlderTorchFile = (file: RegularFile): boolean => {
  const [opcode, protocol] = file.read(0, Math.min(file.size, 2));
  return opcode === 0x80 && protocol !== 0;
};

/** Content of the pickles. */
interface Described {
  readonly content: PickleValue;
  readonly storages: KnownStorages;
  readonly keys: readonly PickleValue[];
  /** Position of the first byte after the pickles. */
  readonly end: number;
}

/** The layout of torch's older format. Throws BadFileError for any other file. */
export function readOlderTorchFile(file: RegularFile): TorchLayout {
  const { content, storages, keys, end } = refusing(file, "file", () => readPickles(file));
  return { content, offsets: findStorages(file, storages, keys, end) };
}

/** The pickles come first, and nothing states their length. */
function readPickles(file: RegularFile): Described {
  const longest = Math.min(file.size, LONGEST_PICKLE);
  for (let length = Math.min(longest, FIRST_READ); ; length = Math.min(longest, 4 * length)) {
    try {
      return describe(new PickleCursor(file.read(0, length)));
    } catch (error) {
      if (!(error instanceof PickleEnd) || length === longest) throw error;
    }
  }
}

function describe(input: PickleCursor): Described {
  const storages = new KnownStorages();
  const plain = {
    global: torchGlobal,
    persistent: (id: PickleValue): never => {
      throw new PickleRefusal("no storage before the content", describeValue(id));
    },
  };
  const next = (): PickleValue => readNextPickle(input, plain);
  const require = (what: string, expected: number | bigint, found: PickleValue): void => {
    if (found !== expected) {
      throw new PickleRefusal(`${what} of torch's older format`, describeValue(found));
    }
  };
  require("the magic number", MAGIC, next());
  require("the version", VERSION, next());
  const machine = next();
  if (!(machine instanceof PickleDict) || machine.get("little_endian") !== true) {
    throw new PickleRefusal("the description of a little-endian machine", describeValue(machine));
  }
  const content = readNextPickle(input, {
    global: torchGlobal,
    persistent: (id) => {
      requireWhole(id);
      return storages.once(storageOf(id));
    },
  });
  const keys = next();
  if (!Array.isArray(keys)) {
    throw new PickleRefusal("a list of the storages' keys", describeValue(keys));
  }
  return { content, storages, keys, end: input.position };
}

/** Storages that are views of others have not been written since 2017. */
function requireWhole(id: PickleValue): void {
  const view = id instanceof PickleTuple ? id.items[5] : undefined;
  if (view !== undefined && view !== null) {
    throw new PickleRefusal("a storage of its own", "a view of another");
  }
}

function findStorages(
  file: RegularFile,
  storages: KnownStorages,
  keys: readonly PickleValue[],
  end: number,
): Map<string, number> {
  const fail = (place: string, expected: string, found: string): BadFileError =>
    new BadFileError(file.path, place, expected, found);
  const offsets = new Map<string, number>();
  let offset = end;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || offsets.has(storage.key)) {
      throw fail("keys", "each storage of the content once", describeValue(key));
    }
    const count = Buffer.from(file.read(offset, 8)).readBigInt64LE();
    if (count !== BigInt(storage.length)) {
      throw fail(`storage ${storage.key}`, `${storage.length} elements`, `${count}`);
    }
    offsets.set(storage.key, offset + 8);
    offset += 8 + storage.length * bytesPerElement(storage.dtype);
  }
  const missing = [...storages.keys()].find((key) => !offsets.has(key));
  if (missing !== undefined) throw fail("keys", `storage ${missing}`, `${keys.length} others`);
  if (offset !== file.size) throw fail("file", `${offset} bytes`, `${file.size}`);
  return offsets;
}
