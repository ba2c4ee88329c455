import { describe, expect, it } from "vitest";
import * as torch from "../torch/index.ts";
import { joinWeights, type KeyRule, splitWeights, type TypedWeights } from "./key-table.ts";

const rules: readonly KeyRule[] = [
  ["b.{i}.qkv.*", ["blocks.{i}.q.*", "blocks.{i}.k.*", "blocks.{i}.v.*"]],
  ["b.{i}.out.*", "blocks.{i}.out.0.*"],
  ["table", "blocks.table"],
];

const weights = (tensors: Record<string, torch.Tensor>): TypedWeights => {
  const get = (key: string): torch.Tensor => {
    const tensor = tensors[key];
    if (tensor === undefined) throw new Error(`no ${key}`);
    return tensor;
  };
  return {
    keys: () => Object.keys(tensors),
    shape: (key) => get(key).shape,
    dtype: (key) => get(key).dtype,
    tensor: (key) => get(key).clone(),
  };
};
const values = ({ keys, tensor }: TypedWeights): Record<string, unknown> =>
  Object.fromEntries(Array.from(keys(), (key) => [key, tensor(key).tolist()]));

const there = weights({
  "b.10.qkv.weight": torch.tensor([[1], [2], [3], [4], [5], [6]]),
  "b.10.out.bias": torch.tensor([7, 8], { dtype: "float16" }),
  table: torch.tensor([9]),
  "b.10.qkv.other": torch.tensor([0]),
});
const here = {
  "blocks.10.q.weight": [[1], [2]],
  "blocks.10.k.weight": [[3], [4]],
  "blocks.10.v.weight": [[5], [6]],
  "blocks.10.out.0.bias": [7, 8],
  "blocks.table": [9],
};

describe("splitWeights", () => {
  it("renames, cuts fused tensors in order, and leaves unknown keys for the model to name", () => {
    const split = splitWeights(there, rules);
    expect(values(split)).toEqual({ ...here, "b.10.qkv.other": [0] });
    expect(split.shape("blocks.10.k.weight")).toEqual([2, 1]);
    expect(split.dtype("blocks.10.out.0.bias")).toBe("float16");
  });

  it("refuses what does not divide, and two tensors for one key", () => {
    const uneven = splitWeights(weights({ "b.0.qkv.bias": torch.zeros([4]) }), rules);
    expect(() => uneven.shape("blocks.0.k.bias")).toThrow(
      "Expected 3 equal parts along the first dimension of b.0.qkv.bias but received 4 rows",
    );
    const twice = weights({ table: torch.zeros([1]), "blocks.table": torch.zeros([1]) });
    expect(() => splitWeights(twice, rules)).toThrow(
      "Expected one tensor for blocks.table but received table and blocks.table",
    );
    expect(() => uneven.tensor("x")).toThrow("Expected a known key but received x");
  });
});

describe("joinWeights", () => {
  const parts = (leftOut: string): TypedWeights =>
    weights(
      Object.fromEntries(
        Object.entries(here)
          .filter(([key]) => key !== leftOut)
          .map(([key, value]) => [key, torch.tensor(value)]),
      ),
    );

  it("puts together what splitWeights cuts", () => {
    const joined = joinWeights(parts(""), rules);
    expect(values(joined)).toEqual(values(weightsWithout("b.10.qkv.other")));
    expect(joined.shape("b.10.qkv.weight")).toEqual([6, 1]);
  });

  it("refuses parts without the others, and keys without a place", () => {
    expect(() => joinWeights(parts("blocks.10.k.weight"), rules)).toThrow(
      "The weights cannot be converted: 0 have no place in the other layout, and 1 of its tensors lack parts: b.10.qkv.weight",
    );
    const strange = weights({ "blocks.0.norm.weight": torch.zeros([1]) });
    expect(() => joinWeights(strange, rules)).toThrow(
      "1 have no place in the other layout, and 0 of its tensors lack parts: blocks.0.norm.weight",
    );
  });
});

const weightsWithout = (leftOut: string): TypedWeights => ({
  ...there,
  keys: () => [...there.keys()].filter((key) => key !== leftOut),
});
