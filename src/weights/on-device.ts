import type { Device, Tensor } from "../torch/index.ts";

/** A tensor that was just read, on a device, by default where it is; not on the one before as well. */
export function onDevice(tensor: Tensor, device: Device | undefined): Tensor {
  if (device === undefined) return tensor;
  try {
    const moved = tensor.to({ device });
    if (moved !== tensor) tensor.dispose();
    return moved;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}
