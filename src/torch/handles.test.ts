import { expect, it } from "vitest";
import { native } from "./binding.ts";
import * as torch from "./index.ts";
import { wrap } from "./wrap.ts";

it("a handle never means a later tensor, however often its slot was used since", () => {
  const first = torch.tensor([1]);
  const other = torch.tensor([2]);
  first.dispose();
  torch.tidy(() => {
    // More than a slot has generations: 2^22.
    for (let i = 0; i < 4_200_000; i++)
      native.dispose(Math.abs(native.retain(other.handle)) as typeof other.handle);
    const held = torch.tensor([3]);
    expect(first.isDisposed).toBe(true);
    expect(() => first.item()).toThrow("disposed");
    expect(held.item()).toBe(3);
  });
});

it("an operator called again while its own arguments are read keeps both calls apart", () => {
  const sum = native.resolve("aten::sum.dim_IntList");
  const inner = torch.tensor([
    [1, 2],
    [3, 4],
  ]);
  const outer = torch.tensor([
    [10, 20],
    [30, 40],
  ]);
  let seen: number | undefined;
  const dims: number[] = [];
  Object.defineProperty(dims, 0, {
    enumerable: true,
    get: () => {
      seen = torch.tidy(() => inner.sum([0, 1]).item());
      return 1;
    },
  });
  dims.length = 1;
  const rows = wrap(native.call(sum, outer.handle, dims, false));
  expect(seen).toBe(10);
  expect(rows.tolist()).toEqual([30, 70]);
});
