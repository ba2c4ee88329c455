import { expected } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";

/** Throws unless a tensor is a batch of pictures or latents with `channels` channels:  (B, `channels`, H, W). */
export function requireChannels(name: string, { shape }: Tensor, channels: number): void {
  if (shape.length === 4 && shape[1] === channels) return;
  throw expected(`a tensor [batch, ${channels}, height, width]`, name, `[${shape.join(", ")}]`);
}
