import { BadFileError, quote } from "../../files/reading/errors.ts";
import type { Device, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { onDevice } from "../on-device.ts";
import { SafetensorsBytes, type TensorBytes, writeSafetensorsBytes } from "./safetensors-bytes.ts";
import type { TensorEntry } from "./safetensors-header.ts";

/** Device of a tensor that is read from a file. */
export interface ReadOptions {
  readonly device?: Device | undefined;
}

/**
 * An open safetensors file, checked whole when opened. Each tensor is mapped on demand, except for element types that the engine
 * lacks: 8-bit floats become float32, and unsigned integers wider signed ones. A mapped tensor takes no memory of its own until
 * it is written to, which never changes the file. It stays valid when the file is closed, or replaced as every writer here
 * replaces files; but a program that truncates the file in place crashes this process.
 */
export class SafetensorsFile extends SafetensorsBytes {
  /** A tensor with the element type and shape of the file. */
  tensor(name: string, { device }: ReadOptions = {}): Tensor {
    return onDevice(this.#read(name, this.entry(name)), device);
  }

  #read(name: string, entry: TensorEntry): Tensor {
    if (entry.dtype === "bool") return this.#flags(name, entry);
    if (entry.packed === undefined) return torch.mapTensor(this.descriptorFor(entry), entry);
    return torch.fromBytes(this.bytes(name), entry.dtype, entry.shape);
  }

  /** A copy: any byte but 0 and 1 in a bool is undefined behaviour in C++, so each is checked. */
  #flags(name: string, { dtype, shape }: TensorEntry): Tensor {
    const bytes = this.bytes(name);
    const odd = bytes.find((byte) => byte > 1);
    if (odd !== undefined) {
      throw new BadFileError(this.path, `tensor ${quote(name)}`, "0 or 1 for bool", `${odd}`);
    }
    return torch.fromBytes(bytes, dtype, shape);
  }
}

/** Opens a safetensors file. Throws BadFileError, before any data is read, for anything that is not well-formed. */
export const readSafetensors = (path: string): SafetensorsFile => new SafetensorsFile(path);

/**
 * Writes tensors durably and atomically; the same tensors give the same bytes. The values are those at the time of the call,
 * whatever happens to the tensors before the promise settles.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeSafetensorsBytes(path, toTensorBytes(tensors), metadata);
}

/** A copy of the tensors' current values, as stored in a file. */
export const toTensorBytes = (tensors: ReadonlyMap<string, Tensor>): Map<string, TensorBytes> =>
  new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      { dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.toBytes() },
    ]),
  );
