/** Floating-point operations of PixArt's transformer, counted from its shapes: two for each multiplication in a matrix product. */

/** What a pass takes of one picture. */
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

const CHANNELS = { latents: 4, output: 8, sinusoid: 256 };

/**
 * Of a forward pass for one picture (half of one with guidance). Softmax, norms and all else between products are left out, as in the
 * count of the paper's table; sizes and aspect ratios, which 1024 px have, are a millionth of it.
 */
export function forwardFlops(size: DitSize): number {
  const { layers, width: d, tokens: n, captionTokens: l, captionWidth, patch } = size;
  const patches = n * d * CHANNELS.latents * patch ** 2;
  const time = CHANNELS.sinusoid * d + d * d + 6 * d * d;
  const caption = l * (captionWidth * d + d * d);
  const selfAttention = 4 * n * d * d + 2 * n * n * d;
  const crossAttention = 2 * n * d * d + 2 * l * d * d + 2 * n * l * d;
  const mlp = 8 * n * d * d;
  const output = n * d * CHANNELS.output * patch ** 2;
  const products = patches + time + caption + layers * (selfAttention + crossAttention + mlp);
  return 2 * (products + output);
}

/** Of a training step for one picture: backward multiplies twice where forward does once; checkpointing goes forward again. */
export const trainingFlops = (size: DitSize, checkpointing: boolean): number =>
  forwardFlops(size) * (checkpointing ? 4 : 3);
