import { ResourceError } from "../../errors/index.ts";
import { construct, type Module } from "../../nn/index.ts";
import { formatBytes } from "../progress/quantities.ts";
import { machineMemory } from "./available-memory.ts";

/** The config field with the number of layers of a new model, and its value. */
export interface Depth {
  readonly name: string;
  readonly layers: number;
}

interface Size {
  readonly tensors: number;
  readonly bytes: number;
}

/** Overhead of a tensor, in JavaScript and in libtorch: 3 KB as measured. */
const TENSOR_BYTES = 3000;
/**
 * Every step visits each tensor, and the optimizer keeps two more per tensor; the deepest models ever trained have about 50,000.
 */
const MOST_TENSORS = 100_000;

/**
 * Throws if a new model has more weights than this machine's memory and swap space can hold, extrapolated from its first two
 * layers: a model of a million layers is not built, not even as shapes.
 * @param build creates the model with the given number of layers
 */
export function requireModelFits({ name, layers }: Depth, build: (layers: number) => Module): void {
  const one = sizeOf(name, () => build(1));
  const two = layers > 1 ? sizeOf(name, () => build(2)) : one;
  const grown = (of: keyof Size): number => one[of] + (layers - 1) * (two[of] - one[of]);
  const [tensors, bytes] = [grown("tensors"), grown("bytes")];
  const room = machineMemory();
  if (tensors <= MOST_TENSORS && bytes <= room) return;
  throw new ResourceError(
    "ERR_MEMORY",
    `Expected a model that fits in ${formatBytes(room)} of memory, with at most ${MOST_TENSORS} tensors, for ${name} but received ${layers}: that model has ${formatBytes(bytes)} in ${tensors} tensors`,
  );
}

/** A GPU may have several times the memory of its machine. */
const MOST_DEVICE_SHARE = 4;

/**
 * Throws if the inputs of a model's layers alone, which are kept until backward even with gradient checkpointing, exceed the
 * memory of this machine or its GPU.
 */
export function requireBatch(stage: string, batchSize: number, bytesEach: number): void {
  const room = MOST_DEVICE_SHARE * machineMemory();
  const bytes = batchSize * bytesEach;
  if (bytes <= room) return;
  throw new ResourceError(
    "ERR_MEMORY",
    `Expected at most ${Math.max(1, Math.floor(room / bytesEach))} for batchSize of stage ${JSON.stringify(stage)} but received ${batchSize}: its activations take at least ${formatBytes(bytes)}`,
  );
}

function sizeOf(name: string, build: () => Module): Size {
  let tensors = 0;
  let bytes = 0;
  const onParameter = (shape: readonly number[]): void => {
    const numbers = shape.reduce((product, extent) => product * extent, 1);
    if (numbers > Number.MAX_SAFE_INTEGER) {
      const model = name.replace(/\..*$/, "");
      throw new ResourceError(
        "ERR_MEMORY",
        `The sizes for ${model} do not fit in memory: they make a tensor of [${shape.join(", ")}]`,
      );
    }
    tensors += 1;
    bytes += 4 * numbers + TENSOR_BYTES;
  };
  construct({ device: "meta", onParameter }, build).dispose();
  return { tensors, bytes };
}
