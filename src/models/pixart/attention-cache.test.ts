import { expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { AttentionCache } from "./attention-cache.ts";

const plan = (reuse: boolean, keep: boolean, halvesBecomeOne = false) => ({
  self: { reuse, keep },
  cross: { reuse: false, keep: false },
  halvesBecomeOne,
});

it("gives what it kept, the mean of halves where told, and keeps nothing of others", () => {
  const before = torch.memory().tensors;
  {
    using cache = new AttentionCache();
    torch.tidy(() => {
      cache.plan = plan(false, true, true);
      cache.attend("self", 0, () => torch.tensor([[1], [3]]));
      cache.plan = plan(true, false);
      const never = (): never => {
        throw new Error("computed");
      };
      expect(cache.attend("self", 0, never).tolist()).toEqual([[2]]);
      expect(() => cache.attend("self", 1, never)).toThrow(
        "Expected the stored self-attention of block 1 but found none",
      );
      expect(cache.attend("cross", 0, () => torch.tensor([5])).tolist()).toEqual([5]);
    });
    expect(torch.memory().tensors).toBe(before + 1);
  }
  expect(torch.memory().tensors).toBe(before);
});
