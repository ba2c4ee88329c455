import { type GraphHandle, native } from "./binding.ts";
import type { Device } from "./dtype.ts";
import { keep, tidy } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * What a function makes a GPU do, recorded once and done again by one call, without the time that starting each kernel takes: a
 * graph of CUDA (libtorch's `ATen/cuda/CUDAGraph.h`). What the function reads stays where it is in memory: for other inputs,
 * copy them into the tensors that it was recorded with.
 */
export class RecordedGraph implements Disposable {
  /** The function's result, written anew by each {@link replay}. */
  readonly output: Tensor;
  readonly #handle: GraphHandle;

  private constructor(handle: GraphHandle, output: Tensor) {
    this.#handle = handle;
    this.output = output;
  }

  /**
   * Calls `body` twice: to let it make what it keeps, and to record it. It must do the same each time and read nothing back, or
   * take from another device. Throws where the device is none of CUDA, where the addon has no graphs, and where something cannot be
   * recorded.
   */
  static record(device: Device, body: () => Tensor): RecordedGraph {
    const handle = native.graphNew(device);
    try {
      tidy(() => void body());
      return new RecordedGraph(handle, recorded(handle, body));
    } finally {
      native.graphLeave(handle);
    }
  }

  /** Starts all of it; as with any operator, reading the output waits for it. */
  replay(): void {
    native.graphReplay(this.#handle);
  }

  [Symbol.dispose](): void {
    this.output.dispose();
    native.graphFree(this.#handle);
  }
}

function recorded(handle: GraphHandle, body: () => Tensor): Tensor {
  native.graphBegin(handle);
  let output: Tensor;
  try {
    output = keep(tidy(body));
  } catch (error) {
    try {
      native.graphEnd(handle);
    } catch {
      // It says that the recording failed; `error` says why.
    }
    throw error;
  }
  native.graphEnd(handle);
  return output;
}
