import * as torch from "../../torch/index.ts";

/** The numbers below `count`, in an order that `generator` draws. */
export const randomOrder = (count: number, generator: torch.Generator): number[] =>
  torch.tidy(() =>
    Array.from(torch.randperm(count, { generator, dtype: "int64" }).toTypedArray(), Number),
  );
