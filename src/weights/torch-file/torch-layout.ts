import { BadFileError } from "../../files/reading/errors.ts";
import type { RegularFile } from "../../files/reading/regular-file.ts";
import { PickleRefusal, type PickleValue, type TorchStorage } from "./pickle-values.ts";

/** What a checkpoint of `torch.save` holds, and where. */
export interface TorchLayout {
  readonly content: PickleValue;
  /** Where in the file each storage of the content begins, by its key. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** A pickle describes tensors and holds none; long runs of mmengine have histories of losses in it. */
export const LONGEST_PICKLE = 2 ** 28;

const NO_CODE = "no code from a checkpoint is ever run, and there is no looser way to read it";

/** Runs a reader of pickles; what it refuses becomes a BadFileError at `place` of the file. */
export function refusing<T>({ path }: RegularFile, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    throw new BadFileError(path, place, error.expected, error.found, NO_CODE);
  }
}

/** One object for a storage, however often a pickle mentions it. Throws PickleRefusal where it is described in two ways. */
export class KnownStorages extends Map<string, TorchStorage> {
  /** @param check is told of each storage once */
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
