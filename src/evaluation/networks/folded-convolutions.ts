import { BadFileError } from "../../files/reading/errors.ts";
import type { Device, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { openWeightsFile, type WeightsFile } from "../../weights/index.ts";

// Shapes: C channels, k kernel size.

/** A convolution with the batch norm that followed it in training folded into its weights. */
export interface FoldedConvolution {
  /** (C_out, C_in / groups, k, k) */
  readonly weight: Tensor;
  /** (C_out) */
  readonly bias: Tensor;
}

/** The convolutions of a file, for building a network from them. */
export interface ConvolutionSource {
  readonly file: WeightsFile;
  /**
   * The convolution under the key `conv` with the norm under the key `norm`. Throws BadFileError if the file has none, or one of
   * another shape than the given one.
   */
  readonly read: (conv: string, norm: string, shape?: readonly number[]) => FoldedConvolution;
  /** All that were read so far, in a growing list. */
  readonly made: readonly FoldedConvolution[];
}

/** The value that the norms of all these networks add to the variance. */
const EPS = 1e-3;

/** Builds a network from a file's convolutions, which the network then owns. If `build` throws, they are disposed. */
export function readNetwork<N>(
  path: string,
  device: Device | undefined,
  build: (source: ConvolutionSource) => N,
): N {
  using file = openWeightsFile(path);
  const made: FoldedConvolution[] = [];
  const read: ConvolutionSource["read"] = (conv, norm, shape) => {
    const found = folded(file, { key: `${conv}.weight`, norm, shape, device });
    made.push(found);
    return found;
  };
  try {
    return build({ file, read, made });
  } catch (error) {
    disposeConvolutions(made);
    throw error;
  }
}

/** Frees the memory of convolutions. */
export function disposeConvolutions(convolutions: readonly FoldedConvolution[]): void {
  for (const { weight, bias } of convolutions) {
    weight.dispose();
    bias.dispose();
  }
}

/** Throws BadFileError if a tensor of the file has another shape; a missing one is found when it is read. */
export function requireShape(file: WeightsFile, key: string, shape: readonly number[]): void {
  const found = file.tensors.get(key)?.shape;
  if (found === undefined || String(found) === String(shape)) return;
  throw new BadFileError(
    file.path,
    `tensor ${key}`,
    `the shape [${shape.join(", ")}]`,
    `the shape [${found.join(", ")}]`,
  );
}

/** Selects a convolution of a file. */
interface Wanted {
  readonly key: string;
  readonly norm: string;
  readonly shape: readonly number[] | undefined;
  readonly device: Device | undefined;
}

/**
 * Folds a convolution's weight and its norm's γ, β, mean and variance into one convolution with a bias. The tensors are the
 * caller's.
 */
function folded(file: WeightsFile, { key, norm, shape, device }: Wanted): FoldedConvolution {
  if (shape !== undefined) requireShape(file, key, shape);
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
        (name) => {
          requireShape(file, `${norm}.${name}`, [weight.size(0)]);
          return file.tensor(`${norm}.${name}`).to({ dtype: "float64" });
        },
      ) as [Tensor, Tensor, Tensor, Tensor];
      const scale = gamma.div(variance.add(EPS).sqrt()); // (C_out)
      const all = weight.to({ dtype: "float64" }).mul(scale.reshape([-1, 1, 1, 1]));
      const bias = beta.sub(mean.mul(scale));
      return {
        weight: torch.keep(all.to({ dtype: "float32", device })),
        bias: torch.keep(bias.to({ dtype: "float32", device })),
      };
    }),
  );
}
