import { expected } from "../errors/index.ts";
import { type PictureMetadata, RgbImage } from "../images/index.ts";
import type { Tensor } from "../torch/index.ts";

/** A picture with a record of how it was made, which it writes into its PNG. */
export class GeneratedImage extends RgbImage {
  /** Absent if no record could reproduce the picture: from the caller's own latents, or a generator that drew something else too. */
  readonly metadata: PictureMetadata | undefined;

  constructor(
    width: number,
    height: number,
    data: Uint8Array,
    metadata: PictureMetadata | undefined,
  ) {
    super(width, height, data);
    this.metadata = metadata;
  }

  override encodePng(metadata: PictureMetadata | undefined = this.metadata): Promise<Uint8Array> {
    return super.encodePng(metadata);
  }
}

/** Converts an autoencoder's output, about in [−1, 1], to pictures in [0, 1] in float32. */
export const toUnitRange = (decoded: Tensor): Tensor =>
  decoded.float().mul(0.5).add(0.5).clamp({ min: 0, max: 1 });

/** 8-bit images of pictures (B, 3, H, W) in [0, 1], such as `pipe.decode(latents)` gives, with one record each if given. */
export function imagesFromTensor(
  pictures: Tensor,
  metadata: readonly (PictureMetadata | undefined)[] = [],
): GeneratedImage[] {
  const [count = 0, channels, height = 0, width = 0] = pictures.shape;
  if (pictures.shape.length !== 4 || channels !== 3) {
    throw expected(
      "[pictures, 3, height, width]",
      "the shape of pictures",
      `[${pictures.shape.join(", ")}]`,
    );
  }
  const bytes = pictures.permute([0, 2, 3, 1]).mul(255).round().to({ dtype: "uint8" }).toBytes();
  const size = height * width * 3;
  return Array.from(
    { length: count },
    (_, index) =>
      new GeneratedImage(
        width,
        height,
        bytes.slice(index * size, (index + 1) * size),
        metadata[index],
      ),
  );
}
