import { RgbImage } from "../../images/index.ts";
import { adopt, share, Tensor, type TensorToken } from "../../torch/index.ts";
import { GeneratedImage } from "../generated-image.ts";

const KIND = "pixart:packed";

interface PackedTensor {
  readonly [KIND]: "tensor";
  readonly token: TensorToken;
}

type PackedPicture = { readonly [KIND]: "picture" } & Pick<
  GeneratedImage,
  "width" | "height" | "data"
> &
  Partial<Pick<GeneratedImage, "metadata">>;

/**
 * Prepares values for posting to another thread: pictures become their pixels, and tensors tokens for the same memory. All else
 * stays as it is.
 */
export class Packing {
  readonly #givesPixels: boolean;
  readonly #tokens: TensorToken[] = [];
  readonly #buffers: ArrayBuffer[] = [];

  /** @param givesPixels whether pixels are moved, and no longer usable here, instead of copied */
  constructor(givesPixels: boolean) {
    this.#givesPixels = givesPixels;
  }

  /** The transfer list for `postMessage`. */
  get transfer(): readonly ArrayBuffer[] {
    return this.#buffers;
  }

  /** Packs a value, or the values of a list. Throws for a disposed tensor. */
  pack(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.pack(each));
    if (value instanceof Tensor) {
      const token = share(value);
      this.#tokens.push(token);
      return { [KIND]: "tensor", token } satisfies PackedTensor;
    }
    return value instanceof RgbImage ? this.#packPicture(value) : value;
  }

  #packPicture(picture: RgbImage): PackedPicture {
    const { width, height, data } = picture;
    const { buffer } = data;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength;
    if (this.#givesPixels && isWhole) this.#buffers.push(buffer);
    return {
      [KIND]: "picture",
      width,
      height,
      data,
      ...(picture instanceof GeneratedImage && { metadata: picture.metadata }),
    };
  }

  /** Frees the tensors in transit that nobody received, after the message they belong to has failed. */
  takeBack(): void {
    for (const token of this.#tokens) {
      try {
        adopt(token).dispose();
      } catch {
        // The other thread has taken it.
      }
    }
  }
}

const isPacked = (value: unknown): value is PackedTensor | PackedPicture =>
  typeof value === "object" && value !== null && KIND in value;

/** Restores what the other thread packed. Tensors are the caller's. */
export function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (!isPacked(value)) return value;
  if (value[KIND] === "tensor") return adopt(value.token);
  const { width, height, data } = value;
  return "metadata" in value
    ? new GeneratedImage(width, height, data, value.metadata)
    : new RgbImage(width, height, data);
}

/** Frees an unpacked value if it is a tensor. */
export function disposeUnpacked(value: unknown): void {
  if (value instanceof Tensor) value.dispose();
}
