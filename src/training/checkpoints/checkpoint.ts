import { join } from "node:path";
import { InvalidValueError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { LazyTensor } from "../../weights/lazy-tensors.ts";
import { type ReadOptions, readSafetensors } from "../../weights/safetensors/safetensors.ts";
import type { JsonValue } from "../contract/checkpoint-manifest.ts";
import type { RunMark } from "../contract/run-mark.ts";
import {
  type CheckpointFolder,
  newestCheckpoint,
  verifyCheckpoint,
  type Warn,
} from "./checkpoint-folder.ts";
import { type SaveOptions, saveCheckpointBytes } from "./checkpoint-save.ts";

export type { JsonValue } from "../contract/checkpoint-manifest.ts";
export { type ListedCheckpoint, listCheckpoints } from "./checkpoint-folder.ts";
export { forecastBytes, type SaveOptions } from "./checkpoint-save.ts";
export { requireDiskSpace } from "./disk-space.ts";

/** A checkpoint with every byte checked against its manifest. */
export class Checkpoint {
  readonly path: string;
  readonly step: number;
  readonly stage: string;
  readonly state: JsonValue;
  /** File stems, as passed to saveCheckpoint(). */
  readonly groups: readonly string[];
  /** The run that it belongs to, if recorded. */
  readonly run: RunMark | undefined;

  constructor({ path, step, stage, state, files, run }: CheckpointFolder) {
    this.path = path;
    this.step = step;
    this.stage = stage;
    this.state = state;
    this.run = run;
    this.groups = files.map(({ name }) => name.slice(0, -".safetensors".length));
  }

  /** The tensors of one group by name. Throws if the checkpoint has no such group. */
  read(group: string, options?: ReadOptions): Map<string, Tensor> {
    if (!this.groups.includes(group)) {
      throw new InvalidValueError(
        `Expected one of ${this.groups.join(", ")} for group but received ${group} (${this.path})`,
      );
    }
    using file = readSafetensors(join(this.path, `${group}.safetensors`));
    return new Map([...file.tensors.keys()].map((name) => [name, file.tensor(name, options)]));
  }
}

/**
 * Saves a checkpoint under `root` and returns its path; see saveCheckpointBytes() for the protocol. All values are copied before
 * the promise is returned, so training may continue while the disk is busy. Await it before the next save.
 */
export async function saveCheckpoint(root: string, options: SaveOptions<Tensor>): Promise<string> {
  return saveCheckpointBytes(root, { ...options, groups: bytesOf(options, copied) });
}

/**
 * The same without copying everything up front: tensors are copied one at a time, so none may change until the promise settles.
 */
export async function saveCheckpointInPlace(
  root: string,
  options: SaveOptions<Tensor>,
): Promise<string> {
  return saveCheckpointBytes(root, { ...options, groups: bytesOf(options, inPlace) });
}

function copied(tensor: Tensor): () => Uint8Array {
  const bytes = tensor.toBytes();
  return () => bytes;
}

const inPlace =
  (tensor: Tensor): (() => Uint8Array) =>
  () =>
    tensor.toBytes();

const bytesOf = (
  { groups }: SaveOptions<Tensor>,
  read: (tensor: Tensor) => () => Uint8Array,
): Map<string, Map<string, LazyTensor>> =>
  new Map(
    [...groups].map(([stem, tensors]) => [
      stem,
      new Map(
        [...tensors].map(([key, tensor]) => [
          key,
          { dtype: tensor.dtype, shape: tensor.shape, bytes: read(tensor) },
        ]),
      ),
    ]),
  );

/** Opens one checkpoint folder. Throws BadFileError naming file, expected and found for any defect. */
export const openCheckpoint = async (path: string): Promise<Checkpoint> =>
  new Checkpoint(await verifyCheckpoint(path));

/** The newest whole checkpoint under `root`, undefined if there is none; see newestCheckpoint(). */
export async function latestCheckpoint(root: string, warn?: Warn): Promise<Checkpoint | undefined> {
  const newest = await newestCheckpoint(root, warn);
  return newest === undefined ? undefined : new Checkpoint(newest);
}
