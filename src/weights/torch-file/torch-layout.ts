import { BadFileError } from "../../files/reading/errors.ts";
import type { RegularFile } from "../../files/reading/regular-file.ts";
import { PickleRefusal, type PickleValue, type TorchStorage } from "./pickle-values.ts";

/** The content of a checkpoint of `torch.save`, and the positions of its storages. */
export interface TorchLayout {
  readonly content: PickleValue;
  /** Start of each storage in the file, by its key. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** Longest pickle. It only describes tensors, but long runs of mmengine store histories of losses in it. */
export const LONGEST_PICKLE = 2 ** 28;

const NO_CODE = "no code from a checkpoint is ever run";

/** Runs a reader of pickles; a PickleRefusal becomes a BadFileError at `place` of the file. */
export function refusing<T>({ path }: RegularFile, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    throw new BadFileError(path, place, error.expected, error.found, NO_CODE);
  }
}

/** One object for a storage, however often a pickle mentions it. Throws PickleRefusal if it is described in two ways. */
export class KnownStorages extends Map<string, TorchStorage> {
  /** @param check called once per storage */
  once(found: TorchStorage, check?: (storage: TorchStorage) => void): TorchStorage {
    const known = this.get(found.key);
    if (known === undefined) {
      check?.(found);
      this.set(found.key, found);
      return found;
    }
    if (known.dtype === found.dtype && known.length === found.length) return known;
    throw new PickleRefusal(`storage ${found.key} as before`, "another type or length");
  }
}
