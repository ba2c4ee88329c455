import { BadFileError } from "../../files/reading/errors.ts";
import { RegularFile } from "../../files/reading/regular-file.ts";
import { bytesPerElement } from "../../torch/dtype.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { onDevice } from "../on-device.ts";
import type { ReadOptions } from "../safetensors/safetensors.ts";
import type { PickleValue, StoredTensor } from "./pickle-values.ts";
import { gatherStrided } from "./strided.ts";
import { isZip, readTorchArchive } from "./torch-archive.ts";
import type { TorchLayout } from "./torch-layout.ts";
import { isOlderTorchFile, readOlderTorchFile } from "./torch-older-format.ts";

/**
 * An open checkpoint of `torch.save` (`.pth`, `.pt`, `.bin`), a zip or the format before torch 1.6. Its pickle is read as data
 * and checked completely before any storage is read; each tensor is read on demand. Nothing in the file is ever executed.
 */
export class TorchFile {
  readonly path: string;
  readonly #file: RegularFile;
  readonly #layout: TorchLayout;

  /** Throws BadFileError for anything but a well-formed checkpoint of plain data. */
  constructor(path: string) {
    this.path = path;
    this.#file = new RegularFile(path, "a torch checkpoint");
    try {
      this.#layout = layoutOf(this.#file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** What `torch.load` would return, with tensors that are still on disk. */
  get content(): PickleValue {
    return this.#layout.content;
  }

  /** A copy of a tensor's elements in row-major order, whatever its strides. */
  bytes(tensor: StoredTensor): Uint8Array {
    const { shape, strides, offset, dtype } = tensor;
    const size = bytesPerElement(dtype);
    const isEmpty = shape.includes(0);
    const reach = shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] ?? 0), 1);
    const start = this.#layout.offsets.get(tensor.storage.key) ?? Number.NaN;
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
    return onDevice(torch.fromBytes(bytes, tensor.dtype, tensor.shape), device);
  }

  /** Closes the file; its content stays readable, tensors do not. */
  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function layoutOf(file: RegularFile): TorchLayout {
  if (isZip(file)) return readTorchArchive(file);
  if (isOlderTorchFile(file)) return readOlderTorchFile(file);
  throw new BadFileError(
    file.path,
    "file",
    "a zip or a pickle, as torch.save writes",
    "something else",
  );
}
