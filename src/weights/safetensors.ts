import type { Device, Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BadFileError, quote } from "./errors.ts";
import { SafetensorsBytes, type TensorBytes, writeSafetensorsBytes } from "./safetensors-bytes.ts";

/** Where a tensor that is read from a file should live. */
export interface ReadOptions {
  readonly device?: Device | undefined;
}

/** An open safetensors file: checked whole when opened, each tensor read when asked for. */
export class SafetensorsFile extends SafetensorsBytes {
  /** A new tensor with the element type and shape of the file. */
  tensor(name: string, { device }: ReadOptions = {}): Tensor {
    const { dtype, shape } = this.entry(name);
    const bytes = this.bytes(name);
    // Any other byte in a bool is undefined behaviour in C++.
    const odd = dtype === "bool" ? bytes.find((byte) => byte > 1) : undefined;
    if (odd !== undefined) {
      throw new BadFileError(this.path, `tensor ${quote(name)}`, "0 or 1 for bool", `${odd}`);
    }
    const tensor = torch.fromBytes(bytes, dtype, shape);
    return device === undefined ? tensor : tensor.to({ device });
  }
}

/** Opens a safetensors file. Throws BadFileError, before any data is read, for anything that is not well-formed. */
export const readSafetensors = (path: string): SafetensorsFile => new SafetensorsFile(path);

/**
 * Writes tensors durably and atomically; the same tensors give the same bytes. The values are those of the moment
 * of the call, whatever happens to the tensors before the promise settles.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeSafetensorsBytes(path, toTensorBytes(tensors), metadata);
}

/** A copy of the tensors' present values as a file holds them. */
export const toTensorBytes = (tensors: ReadonlyMap<string, Tensor>): Map<string, TensorBytes> =>
  new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      { dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.toBytes() },
    ]),
  );
