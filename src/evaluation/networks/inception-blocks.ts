import { inSequence } from "../../models/in-sequence.ts";
import * as torch from "../../torch/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { ConvolutionSource } from "./folded-convolutions.ts";

// Shapes: B pictures, C channels, h and w size of a feature map.

/** A part of the network: (B, C, h, w) → (B, C', h', w'). */
export type Part = (x: Tensor) => Tensor;

/** A kernel's sides, or the single one of a square. */
type Kernel = number | readonly [height: number, width: number];

/** How a convolution's kernel is applied: "same" keeps the map's size, "valid" has no padding, "halve" also has stride 2. */
type Reach = "same" | "valid" | "halve";

/** Makes a convolution with its norm and ReLU. */
export type MakeConvolution = (
  name: string,
  inputs: number,
  outputs: number,
  kernel: Kernel,
  reach?: Reach,
) => Part;

/** Convolutions of a file whose keys begin with `prefix`. */
export const convolutionsOf =
  ({ read }: ConvolutionSource, prefix = ""): MakeConvolution =>
  (name, inputs, outputs, kernel, reach = "same") => {
    const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    const key = prefix + name;
    const { weight, bias } = read(`${key}.conv`, `${key}.bn`, [outputs, inputs, height, width]);
    const stride = reach === "halve" ? 2 : 1;
    const padding = reach === "same" ? [(height - 1) / 2, (width - 1) / 2] : 0;
    return (x) => torch.tidy(() => F.conv2d(x, weight, bias, { stride, padding }).relu());
  };

/** One part after another. */
export const chain =
  (...parts: readonly Part[]): Part =>
  (x) =>
    inSequence(x, parts);

/** Parts side by side, with their channels concatenated. */
const branches =
  (...parts: readonly Part[]): Part =>
  (x) =>
    torch.tidy(() =>
      torch.cat(
        parts.map((part) => part(x)),
        1,
      ),
    );

/** Max pooling of 3x3, at half the size. */
export const halved: Part = (x) => F.maxPool2d(x, 3, { stride: 2 });

/** Average pooling of 3x3, at the edges only over existing pixels, as in TensorFlow but not in torchvision. */
const averaged: Part = (x) => F.avgPool2d(x, 3, { stride: 1, padding: 1, countIncludePad: false });

/** Max pooling of 3x3, which the last block of this network has instead of average pooling. */
const largest: Part = (x) => F.maxPool2d(x, 3, { stride: 1, padding: 1 });

/** `FIDInceptionA`: 35x35. */
export const blockA = (conv: MakeConvolution, inputs: number, pooled: number): Part =>
  branches(
    conv("branch1x1", inputs, 64, 1),
    chain(conv("branch5x5_1", inputs, 48, 1), conv("branch5x5_2", 48, 64, 5)),
    chain(
      conv("branch3x3dbl_1", inputs, 64, 1),
      conv("branch3x3dbl_2", 64, 96, 3),
      conv("branch3x3dbl_3", 96, 96, 3),
    ),
    chain(averaged, conv("branch_pool", inputs, pooled, 1)),
  );

/** `InceptionB`: from 35x35 to 17x17. */
export const blockB = (conv: MakeConvolution, inputs: number): Part =>
  branches(
    conv("branch3x3", inputs, 384, 3, "halve"),
    chain(
      conv("branch3x3dbl_1", inputs, 64, 1),
      conv("branch3x3dbl_2", 64, 96, 3),
      conv("branch3x3dbl_3", 96, 96, 3, "halve"),
    ),
    halved,
  );

/** `FIDInceptionC`: 17x17. */
export const blockC = (conv: MakeConvolution, inputs: number, width: number): Part =>
  branches(
    conv("branch1x1", inputs, 192, 1),
    chain(
      conv("branch7x7_1", inputs, width, 1),
      conv("branch7x7_2", width, width, [1, 7]),
      conv("branch7x7_3", width, 192, [7, 1]),
    ),
    chain(
      conv("branch7x7dbl_1", inputs, width, 1),
      conv("branch7x7dbl_2", width, width, [7, 1]),
      conv("branch7x7dbl_3", width, width, [1, 7]),
      conv("branch7x7dbl_4", width, width, [7, 1]),
      conv("branch7x7dbl_5", width, 192, [1, 7]),
    ),
    chain(averaged, conv("branch_pool", inputs, 192, 1)),
  );

/** `InceptionD`: from 17x17 to 8x8. */
export const blockD = (conv: MakeConvolution, inputs: number): Part =>
  branches(
    chain(conv("branch3x3_1", inputs, 192, 1), conv("branch3x3_2", 192, 320, 3, "halve")),
    chain(
      conv("branch7x7x3_1", inputs, 192, 1),
      conv("branch7x7x3_2", 192, 192, [1, 7]),
      conv("branch7x7x3_3", 192, 192, [7, 1]),
      conv("branch7x7x3_4", 192, 192, 3, "halve"),
    ),
    halved,
  );

/** `FIDInceptionE_1` with average pooling, and `FIDInceptionE_2` with max pooling: 8x8. */
export const blockE = (conv: MakeConvolution, inputs: number, pool: "mean" | "largest"): Part =>
  branches(
    conv("branch1x1", inputs, 320, 1),
    chain(
      conv("branch3x3_1", inputs, 384, 1),
      branches(conv("branch3x3_2a", 384, 384, [1, 3]), conv("branch3x3_2b", 384, 384, [3, 1])),
    ),
    chain(
      conv("branch3x3dbl_1", inputs, 448, 1),
      conv("branch3x3dbl_2", 448, 384, 3),
      branches(
        conv("branch3x3dbl_3a", 384, 384, [1, 3]),
        conv("branch3x3dbl_3b", 384, 384, [3, 1]),
      ),
    ),
    chain(pool === "mean" ? averaged : largest, conv("branch_pool", inputs, 192, 1)),
  );
