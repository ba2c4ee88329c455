/**
 * Floating-point operations, counted from shapes: two for every multiply-add of linear layers, convolutions and attention. Norms,
 * activations, embeddings and the optimizer's work are left out.
 */

// Shapes: N image tokens, L caption tokens, D hidden width.

const linear = (rows: number, from: number, to: number): number => 2 * rows * from * to;

/** Queries times keys, and weights times values. */
const attention = (queries: number, keys: number, width: number): number =>
  4 * queries * keys * width;

/** Of a convolution that makes `outputs` places. */
const convolution = (outputs: number, kernel: number, from: number, to: number): number =>
  linear(outputs, kernel * kernel * from, to);

/** What decides a diffusion transformer's operations. */
export interface TransformerShape {
  readonly layers: number;
  readonly width: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** What decides those of PixArt beside that. */
export interface PixArtShape extends TransformerShape {
  /** Width of the text encoder's states. */
  readonly captionChannels: number;
  /** Whether each block makes its own modulation, as DiT's do, in place of one layer for all (adaLN-single). */
  readonly perBlock?: boolean;
}

const TIME_SINUSOID = 256;
const MLP_RATIO = 4;

/** Patches, embedded time and the last layer's projection. */
function ends({ width, patchSize, inChannels, outChannels }: TransformerShape, n: number): number {
  return (
    convolution(n, patchSize, inChannels, width) +
    linear(1, TIME_SINUSOID, width) +
    linear(1, width, width) +
    linear(n, width, patchSize ** 2 * outChannels)
  );
}

/** Self-attention and the MLP of a block. */
const trunk = (n: number, width: number): number =>
  4 * linear(n, width, width) + attention(n, n, width) + 2 * linear(n, width, MLP_RATIO * width);

/** Of a layer from the embedded time to a block's shifts, scales and gates. */
const modulation = (width: number): number => linear(1, width, 6 * width);

/** A forward pass of DiT on one picture of `n` tokens. */
export function diTForward(shape: TransformerShape, n: number): number {
  const { layers, width } = shape;
  const last = linear(1, width, 2 * width);
  return ends(shape, n) + last + layers * (trunk(n, width) + modulation(width));
}

/** A forward pass of PixArt on one picture of `n` tokens under a caption of `l` tokens, padding included. */
export function pixArtForward(shape: PixArtShape, n: number, l: number): number {
  const { layers, width, captionChannels, perBlock = false } = shape;
  const caption = linear(l, captionChannels, width) + linear(l, width, width);
  const cross = 2 * linear(n, width, width) + 2 * linear(l, width, width) + attention(n, l, width);
  const modulations = (perBlock ? layers : 1) * modulation(width);
  return ends(shape, n) + caption + modulations + layers * (trunk(n, width) + cross);
}

/** T5's encoder with gated feed-forward layers; fields as in its config. */
export interface TextEncoderShape {
  readonly dModel: number;
  readonly dKv: number;
  readonly numHeads: number;
  readonly dFf: number;
  readonly numLayers: number;
}

/** A forward pass of the text encoder on one caption of `l` tokens, padding included. */
export function textEncoderForward(shape: TextEncoderShape, l: number): number {
  const { dModel, dKv, numHeads, dFf, numLayers } = shape;
  const inner = numHeads * dKv;
  const feedForward = 3 * linear(l, dModel, dFf);
  return numLayers * (4 * linear(l, dModel, inner) + attention(l, l, inner) + feedForward);
}

/** With the backward pass, which takes two products for each of the forward pass. */
export const withBackward = (forward: number): number => 3 * forward;
