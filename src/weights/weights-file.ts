import { BadFileError, quote } from "../files/reading/errors.ts";
import { RegularFile } from "../files/reading/regular-file.ts";
import type { Tensor } from "../torch/index.ts";
import { type ReadOptions, SafetensorsFile } from "./safetensors/safetensors.ts";
import type { TensorSpec } from "./safetensors/safetensors-header.ts";
import { PickleDict, StoredTensor } from "./torch-file/pickle-values.ts";
import { isZip } from "./torch-file/torch-archive.ts";
import { TorchFile } from "./torch-file/torch-file.ts";

/** An open file of named tensors, in any format; data is read on demand. */
export interface WeightsFile {
  readonly path: string;
  /** The key of the checkpoint that contains the tensors, if it is not the whole checkpoint. */
  readonly state?: string | undefined;
  /** By name. */
  readonly tensors: ReadonlyMap<string, TensorSpec>;
  /** Reads one tensor, in the element type of the file. */
  tensor(name: string, options?: ReadOptions): Tensor;
  /** Closes the file; tensors that were read stay valid. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Selects among a checkpoint's weights. */
export interface WeightsFileOptions {
  /** The averaged (EMA) weights that a training checkpoint has in addition to those of the last step. */
  readonly ema?: boolean | undefined;
}

/** Keys under which training code stores weights: PixArt, DiT's `train.py`, and mmengine. */
const STATES = ["state_dict", "model"];
const EMA_STATES = ["state_dict_ema", "ema", "ema_state_dict"];

/** The tensors of one state dict in a torch checkpoint. */
class TorchStateFile implements WeightsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly state: string | undefined;
  readonly #file: TorchFile;

  constructor(file: TorchFile, { ema = false }: WeightsFileOptions) {
    this.path = file.path;
    this.#file = file;
    [this.state, this.tensors] = chooseState(file, ema);
  }

  tensor(name: string, options?: ReadOptions): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) {
      const found = `${this.tensors.size} others`;
      throw new BadFileError(this.path, `tensor ${quote(name)}`, "a tensor of that name", found);
    }
    return this.#file.tensor(tensor, options);
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a file of weights: safetensors, or a checkpoint of `torch.save`, distinguished by their first bytes. Throws BadFileError
 * for anything damaged, for pickles with more than plain data, and if `ema` requests weights that do not exist.
 */
export function openWeightsFile(path: string, options: WeightsFileOptions = {}): WeightsFile {
  using file = new RegularFile(path, "a file of weights");
  const start = file.read(0, Math.min(file.size, 9));
  // One in 32 safetensors headers has a length that begins like a pickle; a brace always follows it. The name proves nothing:
  // safetensors files are shared as .pth and .ckpt.
  const hasHeader = start[8] === 0x7b;
  const isPickle = /\.(pth|pt|bin|ckpt)$/.test(path) || (start[0] === 0x80 && !hasHeader);
  const isWholeHeader = hasHeader && Buffer.from(start).readBigUInt64LE() <= BigInt(file.size - 8);
  if (isWholeHeader || (!isZip(file) && !isPickle)) {
    if (options.ema) {
      throw new BadFileError(
        path,
        "file",
        "averaged weights",
        "a safetensors file, which has one set",
      );
    }
    return new SafetensorsFile(path);
  }
  const checkpoint = new TorchFile(path);
  try {
    return new TorchStateFile(checkpoint, options);
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

function chooseState(
  { content, path }: TorchFile,
  ema: boolean,
): [name: string | undefined, tensors: ReadonlyMap<string, StoredTensor>] {
  const fail = (expected: string, found: string): BadFileError =>
    new BadFileError(path, "content", expected, found);
  if (!(content instanceof PickleDict)) throw fail("a dict", "another value");
  const names = [...content.keys()].filter((key) => typeof key === "string");
  const wanted = (ema ? EMA_STATES : STATES).find(
    (name) => content.get(name) instanceof PickleDict,
  );
  const averaged = EMA_STATES.find((name) => content.get(name) instanceof PickleDict);
  if (wanted === undefined && averaged !== undefined) {
    const advice = "take them with ema: true, or --ema";
    const expected = `weights under ${STATES.join(", ")}`;
    throw new BadFileError(
      path,
      "content",
      expected,
      `only averaged ones, under ${averaged}`,
      advice,
    );
  }
  const chosen = wanted === undefined && !ema ? content : content.get(wanted ?? null);
  if (!(chosen instanceof PickleDict)) {
    const found = `only ${quote(names.slice(0, 10))}`;
    throw fail(`averaged weights under ${EMA_STATES.join(", ")}`, found);
  }
  const place = wanted ?? "the checkpoint";
  const tensors = new Map<string, StoredTensor>();
  for (const [key, value] of chosen) {
    if (typeof key !== "string" || !(value instanceof StoredTensor)) {
      throw fail(`names with tensors in ${place}`, `${quote(key)} with another value`);
    }
    tensors.set(key, value);
  }
  return [wanted, tensors];
}
