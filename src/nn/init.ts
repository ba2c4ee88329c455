/** Initialisers: each fills a tensor in place, drawing in the same way and order as `torch.nn.init`. */
import { empty, noGrad, type Tensor, tidy } from "../torch/index.ts";
import { constructOptions } from "./construct.ts";

/** Fills a tensor in place. */
export type Initializer = (tensor: Tensor) => void;

const fill =
  (body: (tensor: Tensor) => void): Initializer =>
  (tensor) => {
    if (tensor.device !== "meta") noGrad(() => body(tensor));
  };

export const zeros: Initializer = fill((t) => void t.zero_());

export const ones: Initializer = fill((t) => void t.fill_(1));

export const constant = (value: number): Initializer => fill((t) => void t.fill_(value));

/** Draws on the CPU, where the generators are, so that a model starts with the same numbers on every device. */
const draw = (body: (tensor: Tensor) => void): Initializer =>
  fill((t) => {
    if (t.device === "cpu") return body(t);
    tidy(() => {
      const drawn = empty(t.shape, { dtype: t.dtype });
      body(drawn);
      t.copy_(drawn);
    });
  });

/** Normal with mean 0. */
export const normal = (std: number): Initializer =>
  draw((t) => void t.normal_(0, std, { generator: constructOptions().generator }));

/** Uniform in [-bound, bound). */
export const uniform = (bound: number): Initializer =>
  draw((t) => void t.uniform_(-bound, bound, { generator: constructOptions().generator }));

/** Number of inputs per output: the product of all but the first dimension. */
export const fanIn = (shape: readonly number[]): number =>
  shape.slice(1).reduce((product, size) => product * size, 1);

/** Xavier (Glorot) uniform over the matrix [first dimension, all the others]; convolution kernels count as flattened. */
export const xavierUniform: Initializer = (tensor) => {
  const fanOut = tensor.shape[0] ?? 1;
  const std = Math.sqrt(2 / (fanIn(tensor.shape) + fanOut));
  uniform(Math.sqrt(3) * std)(tensor);
};

/** PyTorch's default for weights of linear and convolution layers: Kaiming uniform with a = √5. */
export const kaimingUniform: Initializer = (tensor) => {
  const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2));
  uniform(Math.sqrt(3) * (gain / Math.sqrt(fanIn(tensor.shape))))(tensor);
};

/** PyTorch's default for their biases. */
export const biasUniform = (fan: number): Initializer => uniform(fan > 0 ? 1 / Math.sqrt(fan) : 0);
