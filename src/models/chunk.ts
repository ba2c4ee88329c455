import type { Tensor } from "../torch/index.ts";

type Tuple<N extends number, Items extends Tensor[] = []> = Items["length"] extends N
  ? Items
  : Tuple<N, [...Items, Tensor]>;

/** Cuts `x` into `count` equal parts along `dim`, typed as a tuple. `dim` must be divisible by `count`. */
export const chunk = <const N extends number>(x: Tensor, count: N, dim: number): Tuple<N> =>
  x.chunk(count, dim) as Tuple<N>;
