import type { Device, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { disposeConvolutions, type FoldedConvolution, readNetwork } from "./folded-convolutions.ts";

// Shapes: B pictures, C channels, H and W picture size.

/** A convolution with its stride and groups. */
interface Layer extends FoldedConvolution {
  readonly stride: 1 | 2;
  readonly groups: number;
}

/** A mobile inverted bottleneck: wider, depthwise, narrower (MobileNetV2, arXiv 1801.04381). */
interface Block {
  readonly expand: Layer | undefined;
  readonly depthwise: Layer;
  readonly project: Layer;
}

/** Blocks of each stage in lite0, and the stride of the first. */
const STAGES = [
  [1, 1],
  [2, 2],
  [2, 2],
  [3, 2],
  [3, 1],
  [4, 2],
  [1, 1],
] as const;

/**
 * EfficientNet-lite0 (arXiv 1905.11946; tensorflow/tpu `models/official/efficientnet/lite`), trained on ImageNet: features for
 * the content of pictures, not only their layout.
 */
export class EfficientNetLite implements Disposable {
  readonly #stem: Layer;
  readonly #blocks: readonly Block[];
  readonly #head: Layer;
  readonly #all: readonly FoldedConvolution[];

  private constructor(
    stem: Layer,
    blocks: readonly Block[],
    head: Layer,
    all: readonly FoldedConvolution[],
  ) {
    this.#stem = stem;
    this.#blocks = blocks;
    this.#head = head;
    this.#all = all;
  }

  /** Reads a `.pth` of lite0, by default to the CPU. Throws BadFileError for any other file. */
  static fromFile(path: string, device?: Device): EfficientNetLite {
    return readNetwork(path, device, ({ file, read, made }) => {
      const layer = (conv: string, norm: string, stride: 1 | 2, depthwise = false): Layer => {
        const found = read(conv, norm);
        return { ...found, stride, groups: depthwise ? found.weight.size(0) : 1 };
      };
      const stem = layer("_conv_stem", "_bn0", 2);
      const blocks = STAGES.flatMap(([count, stride]) =>
        Array.from({ length: count }, (_, i) => (i === 0 ? stride : 1)),
      ).map((stride, i): Block => {
        const name = `_blocks.${i}`;
        const widens = file.tensors.has(`${name}._expand_conv.weight`);
        return {
          expand: widens ? layer(`${name}._expand_conv`, `${name}._bn0`, 1) : undefined,
          depthwise: layer(`${name}._depthwise_conv`, `${name}._bn1`, stride, true),
          project: layer(`${name}._project_conv`, `${name}._bn2`, 1),
        };
      });
      return new EfficientNetLite(stem, blocks, layer("_conv_head", "_bn1", 1), made);
    });
  }

  /** Pictures (B, 3, H, W) in [0, 1] → features (B, 1280). Trained on 224 pixels a side. */
  features(pictures: Tensor): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        const own = pictures.to({ device: this.#stem.weight.device });
        let x = relu6(convolved(own.mul(255).sub(127).div(128), this.#stem)); // (B, C, h, w)
        for (const { expand, depthwise, project } of this.#blocks) {
          const wide = expand === undefined ? x : relu6(convolved(x, expand));
          const narrow = convolved(relu6(convolved(wide, depthwise)), project);
          const isSame = depthwise.stride === 1 && narrow.size(1) === x.size(1);
          x = isSame ? narrow.add(x) : narrow;
        }
        return relu6(convolved(x, this.#head)).mean([2, 3]);
      }),
    );
  }

  [Symbol.dispose](): void {
    disposeConvolutions(this.#all);
  }
}

const relu6 = (x: Tensor): Tensor => x.clamp({ min: 0, max: 6 });

/** Padded as TensorFlow's "SAME" does: by one more on the right and at the bottom if the padding is odd. */
function convolved(x: Tensor, { weight, bias, stride, groups }: Layer): Tensor {
  const kernel = weight.size(2);
  const [height, width] = [2, 3].map((dim) => {
    const side = x.size(dim);
    return Math.max((Math.ceil(side / stride) - 1) * stride + kernel - side, 0);
  }) as [number, number];
  const [left, top] = [Math.floor(width / 2), Math.floor(height / 2)];
  const padded =
    width + height === 0 ? x : torch.functional.pad(x, [left, width - left, top, height - top]);
  return torch.functional.conv2d(padded, weight, bias, { stride, groups });
}
