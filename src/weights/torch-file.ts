import { bytesPerElement } from "../torch/dtype.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BadFileError, quote } from "./errors.ts";
import { readPickle } from "./pickle.ts";
import {
  PickleRefusal,
  type PickleValue,
  type StoredTensor,
  type TorchStorage,
} from "./pickle-values.ts";
import { RegularFile } from "./regular-file.ts";
import type { ReadOptions } from "./safetensors.ts";
import { gatherStrided } from "./strided.ts";
import { storageOf, torchGlobal } from "./torch-globals.ts";
import { type ZipSpan, zipEntries } from "./zip-entries.ts";

/** A pickle describes tensors and holds none; long runs of mmengine have histories of losses in it. */
const LONGEST_PICKLE = 2 ** 28;
const STORED = { mayDeflate: false, expected: "a stored entry, as torch.save writes" };
const NO_CODE = "no code from a checkpoint is ever run, and there is no looser way to read it";

/**
 * An open checkpoint of `torch.save` (`.pth`, `.pt`, `.bin`): its pickle is read whole, as data, and checked whole before any
 * storage is read; each tensor is read from its place in the file when asked for. Nothing in the file is ever run.
 */
export class TorchFile {
  readonly path: string;
  /** What `torch.load` would give, with tensors that are still on the disk. */
  readonly content: PickleValue;
  readonly #file: RegularFile;
  readonly #entries: ReadonlyMap<string, ZipSpan>;
  readonly #root: string;
  readonly #storages = new Map<string, TorchStorage>();

  /** Throws BadFileError for everything but a well-formed checkpoint of plain data. */
  constructor(path: string) {
    this.path = path;
    this.#file = new RegularFile(path, "a torch checkpoint");
    try {
      requireZip(this.#file);
      this.#entries = zipEntries(this.#file, STORED);
      this.#root = this.#findRoot();
      this.content = this.#readPickle();
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** A copy of a tensor's elements in row-major order, whatever its strides. */
  bytes(tensor: StoredTensor): Uint8Array {
    const { shape, strides, offset, dtype } = tensor;
    const size = bytesPerElement(dtype);
    const isEmpty = shape.includes(0);
    const reach = shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] ?? 0), 1);
    const { offset: start } = this.#span(tensor.storage);
    const bytes = isEmpty ? new Uint8Array() : this.#file.read(start + offset * size, reach * size);
    return gatherStrided(bytes, size, shape, strides);
  }

  /** A new tensor with the element type and shape of the file. */
  tensor(tensor: StoredTensor, { device }: ReadOptions = {}): Tensor {
    const bytes = this.bytes(tensor);
    // Any other byte in a bool is undefined behaviour in C++.
    const odd = tensor.dtype === "bool" ? bytes.find((byte) => byte > 1) : undefined;
    if (odd !== undefined) {
      const place = `storage ${tensor.storage.key}`;
      throw new BadFileError(this.path, place, "0 or 1 for bool", `${odd}`);
    }
    const made = torch.fromBytes(bytes, tensor.dtype, tensor.shape);
    return device === undefined ? made : made.to({ device });
  }

  /** Gives the file back; its content stays readable, tensors do not. */
  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #findRoot(): string {
    const names = [...this.#entries.keys()];
    const root = names[0]?.split("/", 1)[0] ?? "";
    const stray = names.find((name) => !name.startsWith(`${root}/`));
    const fail = (found: string, advice?: string): BadFileError =>
      new BadFileError(
        this.path,
        "zip",
        "one folder with data.pkl, as torch.save writes",
        found,
        advice,
      );
    if (stray !== undefined) throw fail(`${quote(stray)} beside ${quote(`${root}/`)}`);
    if (this.#entries.has(`${root}/constants.pkl`)) {
      throw fail("a TorchScript archive", "save the state_dict of the model instead");
    }
    if (!this.#entries.has(`${root}/data.pkl`)) throw fail(`${names.length} other entries`);
    const order = this.#entries.get(`${root}/byteorder`);
    const name = order === undefined ? "little" : this.#readText(order);
    if (name !== "little") {
      throw new BadFileError(
        this.path,
        "byteorder",
        "little",
        quote(name),
        "save it again on another machine",
      );
    }
    return root;
  }

  #readText({ offset, length }: ZipSpan): string {
    return Buffer.from(this.#file.read(offset, Math.min(length, 16))).toString("latin1");
  }

  #readPickle(): PickleValue {
    const { offset, length } = this.#entries.get(`${this.#root}/data.pkl`) ?? {
      offset: 0,
      length: 0,
    };
    if (length > LONGEST_PICKLE) {
      throw new BadFileError(this.path, "data.pkl", `at most ${LONGEST_PICKLE} bytes`, `${length}`);
    }
    try {
      return readPickle(this.#file.read(offset, length), {
        global: torchGlobal,
        persistent: (id) => this.#storage(storageOf(id)),
      });
    } catch (error) {
      if (!(error instanceof PickleRefusal)) throw error;
      throw new BadFileError(this.path, "data.pkl", error.expected, error.found, NO_CODE);
    }
  }

  /** One object for a storage, however often the pickle mentions it, compared with the entry that holds it. */
  #storage(found: TorchStorage): TorchStorage {
    const known = this.#storages.get(found.key);
    if (known !== undefined) {
      if (known.dtype === found.dtype && known.length === found.length) return known;
      throw new PickleRefusal(`storage ${found.key} as before`, "another type or length");
    }
    const { length } = this.#span(found);
    const expected = found.length * bytesPerElement(found.dtype);
    if (length !== expected) {
      throw new PickleRefusal(`${expected} bytes in data/${found.key}`, `${length}`);
    }
    this.#storages.set(found.key, found);
    return found;
  }

  #span({ key }: TorchStorage): ZipSpan {
    const span = this.#entries.get(`${this.#root}/data/${key}`);
    if (span === undefined) throw new PickleRefusal(`an entry data/${key}`, "none");
    return span;
  }
}

const startsWith = (file: RegularFile, ...start: number[]): boolean =>
  file.size >= start.length && Buffer.from(file.read(0, start.length)).equals(Buffer.from(start));

/** Whether the file is a zip, and so not a safetensors file: as a header's length its first bytes would be too large. */
export const isZip = (file: RegularFile): boolean => startsWith(file, 0x50, 0x4b, 3, 4);

function requireZip(file: RegularFile): void {
  if (isZip(file)) return;
  const isPickle = startsWith(file, 0x80) && !startsWith(file, 0x80, 0);
  throw new BadFileError(
    file.path,
    "file",
    "a zip, as torch.save writes since torch 1.6",
    isPickle ? "a bare pickle, torch's older format" : "something else",
    isPickle
      ? "write it again in Python: torch.save(torch.load(path, weights_only=True), path)"
      : undefined,
  );
}
