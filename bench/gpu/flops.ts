import { pixArtForward, withBackward } from "../flops.ts";

/** What decides the operations of GPU rows. */
export interface DitSize {
  readonly layers: number;
  readonly width: number;
  /** Of the picture. */
  readonly tokens: number;
  /** That attention sees. */
  readonly captionTokens: number;
  /** Of the text encoder's states. */
  readonly captionWidth: number;
  readonly patch: number;
}

/**
 * Of a forward pass for one picture (half of one with guidance). Sizes and aspect ratios, which 1024 px have, are left out: they are a
 * millionth of it.
 */
export const forwardFlops = (size: DitSize): number =>
  pixArtForward(
    {
      layers: size.layers,
      width: size.width,
      patchSize: size.patch,
      inChannels: 4,
      outChannels: 8,
      captionChannels: size.captionWidth,
    },
    size.tokens,
    size.captionTokens,
  );

/** Of a training step for one picture; checkpointing goes forward again. */
export function trainingFlops(size: DitSize, checkpointing: boolean): number {
  const forward = forwardFlops(size);
  return withBackward(forward) + (checkpointing ? forward : 0);
}
