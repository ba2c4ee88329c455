import type { RgbImage } from "../../images/index.ts";
import * as torch from "../../torch/index.ts";
import { type Device, functional as F, type Tensor } from "../../torch/index.ts";
import {
  type ConvolutionSource,
  disposeConvolutions,
  type FoldedConvolution,
  readNetwork,
  requireShape,
} from "./folded-convolutions.ts";
import {
  blockA,
  blockB,
  blockC,
  blockD,
  blockE,
  chain,
  convolutionsOf,
  halved,
  type Part,
} from "./inception-blocks.ts";
import { pictureFeatures, unitRange } from "./picture-features.ts";

// Shapes: B pictures, H and W picture size.

/** Side, in pixels, that the network was trained at. */
const SIDE = 299;
/** Length of a row of features. */
const WIDTH = 2048;
/** Number of classes in FID's network. torchvision's has 1000 and other weights, with which distances mean something else. */
const CLASSES = 1008;

/**
 * The Inception-v3 that the Fréchet inception distance is defined by (arXiv 1706.08500): TensorFlow's of 2015 as pytorch-fid ported it, with
 * its weights, `pt_inception-2015-12-05-6726825d.pth` (mseitzer/pytorch-fid `src/pytorch_fid/inception.py`).
 */
export class InceptionV3 implements Disposable {
  readonly #trunk: Part;
  readonly #all: readonly FoldedConvolution[];

  private constructor(trunk: Part, all: readonly FoldedConvolution[]) {
    this.#trunk = trunk;
    this.#all = all;
  }

  /** Reads pytorch-fid's weights, by default to the CPU. Throws BadFileError if the file holds others. */
  static fromFile(path: string, device?: Device): InceptionV3 {
    return readNetwork(path, device, (source) => {
      requireShape(source.file, "fc.weight", [CLASSES, WIDTH]);
      return new InceptionV3(trunkOf(source), source.made);
    });
  }

  /** Device of the weights. */
  get device(): Device {
    return this.#all[0]?.weight.device ?? "cpu";
  }

  /**
   * Pictures (B, 3, H, W) in [0, 1] → output of the last pooling (B, 2048). Pictures of other sizes are stretched to 299 x 299.
   */
  features(pictures: Tensor): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        const scaled = resized(pictures.to({ device: this.device }))
          .mul(2)
          .sub(1);
        return this.#trunk(scaled).mean([2, 3]);
      }),
    );
  }

  [Symbol.dispose](): void {
    disposeConvolutions(this.#all);
  }
}

/** Features of pictures of any size, one row of 2048 each, as in pytorch-fid. */
export const inceptionFeatures = (
  network: InceptionV3,
  images: readonly RgbImage[],
): Promise<Float32Array[]> =>
  pictureFeatures(images, {
    input: (bytes) => resized(unitRange(bytes)),
    features: (pictures) => network.features(pictures),
  });

/** Resized bilinearly without antialiasing, as in FID. */
const resized = (pictures: Tensor): Tensor =>
  F.interpolate(pictures, { size: [SIDE, SIDE], mode: "bilinear" });

/** (B, 3, 299, 299) → (B, 2048, 8, 8) */
function trunkOf(source: ConvolutionSource): Part {
  const conv = convolutionsOf(source);
  const block = (name: string) => convolutionsOf(source, `${name}.`);
  return chain(
    conv("Conv2d_1a_3x3", 3, 32, 3, "halve"),
    conv("Conv2d_2a_3x3", 32, 32, 3, "valid"),
    conv("Conv2d_2b_3x3", 32, 64, 3),
    halved,
    conv("Conv2d_3b_1x1", 64, 80, 1),
    conv("Conv2d_4a_3x3", 80, 192, 3, "valid"),
    halved,
    blockA(block("Mixed_5b"), 192, 32),
    blockA(block("Mixed_5c"), 256, 64),
    blockA(block("Mixed_5d"), 288, 64),
    blockB(block("Mixed_6a"), 288),
    blockC(block("Mixed_6b"), 768, 128),
    blockC(block("Mixed_6c"), 768, 160),
    blockC(block("Mixed_6d"), 768, 160),
    blockC(block("Mixed_6e"), 768, 192),
    blockD(block("Mixed_7a"), 768),
    blockE(block("Mixed_7b"), 1280, "mean"),
    blockE(block("Mixed_7c"), 2048, "largest"),
  );
}
