import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BadFileError } from "../weights/errors.ts";
import { openWeightsFile, type WeightsFile } from "../weights/index.ts";

// Shapes: B pictures, C channels, H and W picture size, k kernel size.

/** A convolution with what followed it in training, a batch norm, in its weights. */
interface Layer {
  /** (C_out, C_in / groups, k, k) */
  readonly weight: Tensor;
  /** (C_out) */
  readonly bias: Tensor;
  readonly stride: 1 | 2;
  readonly groups: number;
}

/** A mobile inverted bottleneck: wider, depthwise, narrower (MobileNetV2, arXiv 1801.04381). */
interface Block {
  readonly expand: Layer | undefined;
  readonly depthwise: Layer;
  readonly project: Layer;
}

/** Blocks of each stage in lite0, and what the first of them divides a side by. */
const STAGES = [
  [1, 1],
  [2, 2],
  [2, 2],
  [3, 2],
  [3, 1],
  [4, 2],
  [1, 1],
] as const;

const EPS = 1e-3;

/**
 * EfficientNet-lite0 (arXiv 1905.11946; tensorflow/tpu `models/official/efficientnet/lite`), trained on ImageNet: features of pictures that
 * show what is in them and not only where.
 */
export class EfficientNetLite implements Disposable {
  readonly #stem: Layer;
  readonly #blocks: readonly Block[];
  readonly #head: Layer;

  private constructor(stem: Layer, blocks: readonly Block[], head: Layer) {
    this.#stem = stem;
    this.#blocks = blocks;
    this.#head = head;
  }

  /** Reads a `.pth` of lite0. Throws BadFileError where it is none. */
  static fromFile(path: string): EfficientNetLite {
    using file = openWeightsFile(path);
    const made: Layer[] = [];
    const layer = (conv: string, norm: string, stride: 1 | 2, depthwise = false): Layer => {
      const found = foldedLayer(file, `${conv}.weight`, norm);
      const groups = depthwise ? found.weight.size(0) : 1;
      const all = { ...found, stride, groups };
      made.push(all);
      return all;
    };
    try {
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
      return new EfficientNetLite(stem, blocks, layer("_conv_head", "_bn1", 1));
    } catch (error) {
      for (const { weight, bias } of made) for (const tensor of [weight, bias]) tensor.dispose();
      throw error;
    }
  }

  /** Pictures (B, 3, H, W) in [0, 1] → features (B, 1280). Trained at 224 pixels a side. */
  features(pictures: Tensor): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        let x = relu6(convolved(pictures.mul(255).sub(127).div(128), this.#stem)); // (B, C, h, w)
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
    const layers = this.#blocks.flatMap(({ expand, depthwise, project }) => [
      ...(expand === undefined ? [] : [expand]),
      depthwise,
      project,
    ]);
    for (const { weight, bias } of [this.#stem, ...layers, this.#head]) {
      weight.dispose();
      bias.dispose();
    }
  }
}

const relu6 = (x: Tensor): Tensor => x.clamp({ min: 0, max: 6 });

/** Padded as TensorFlow's "SAME" does: on the right and below by one more, where it doesn't come out even. */
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

/** A convolution's weight, and its norm's γ, β, mean and variance, as one convolution with a bias. The tensors are the caller's. */
function foldedLayer(file: WeightsFile, key: string, norm: string): Pick<Layer, "weight" | "bias"> {
  return torch.noGrad(() =>
    torch.tidy(() => {
      const weight = file.tensor(key);
      if (weight.ndim !== 4) {
        const found = `the shape [${weight.shape.join(", ")}]`;
        throw new BadFileError(
          file.path,
          `tensor ${key}`,
          "a convolution of two dimensions",
          found,
        );
      }
      const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
        (name) => file.tensor(`${norm}.${name}`).to({ dtype: "float64" }),
      ) as [Tensor, Tensor, Tensor, Tensor];
      const scale = gamma.div(variance.add(EPS).sqrt()); // (C_out)
      const folded = weight.to({ dtype: "float64" }).mul(scale.reshape([-1, 1, 1, 1]));
      const bias = beta.sub(mean.mul(scale));
      return {
        weight: torch.keep(folded.float()),
        bias: torch.keep(bias.float()),
      };
    }),
  );
}
