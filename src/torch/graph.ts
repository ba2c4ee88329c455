import { type GraphHandle, native } from "./binding.ts";
import type { Device } from "./dtype.ts";
import { keep, tidy } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The GPU work of a function, recorded once and replayed by one call, without the time to start each kernel: a CUDA graph
 * (libtorch's `ATen/cuda/CUDAGraph.h`). The function's inputs stay at the same memory addresses: for other inputs, copy them into
 * the tensors that it was recorded with.
 */
export class RecordedGraph implements Disposable {
  /** The function's result, overwritten by each {@link replay}. */
  readonly output: Tensor;
  readonly #handle: GraphHandle;

  private constructor(handle: GraphHandle, output: Tensor) {
    this.#handle = handle;
    this.output = output;
  }

  /**
   * Calls `body` twice: once to let it allocate what it keeps, and once to record it. It must do the same each time, and neither
   * read values back nor use another device. Throws if the device is not a CUDA device, if the addon has no graphs, and if
   * something can't be recorded.
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

  /** Starts all of it. As with any operator, reading the output waits for it. */
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
      // It reports that the recording failed; `error` says why.
    }
    throw error;
  }
  native.graphEnd(handle);
  return output;
}
