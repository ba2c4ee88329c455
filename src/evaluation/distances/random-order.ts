import * as torch from "../../torch/index.ts";

/** The numbers below `count`, in an order drawn by `generator`. */
export const randomOrder = (count: number, generator: torch.Generator): number[] =>
  torch.tidy(() =>
    Array.from(torch.randperm(count, { generator, dtype: "int64" }).toTypedArray(), Number),
  );
