import { describe, expect, it } from "vitest";
import { sourceOf } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { encoderWeights } from "./encoder-weights.ts";

const norm = torch.keep(torch.ones([2]));
const embedding = (value: number): torch.Tensor => torch.full([3, 2], value);

const weightsWith = (extra: Readonly<Record<string, torch.Tensor>>) =>
  encoderWeights(
    sourceOf(new Map(Object.entries({ ...extra, "encoder.final_layer_norm.weight": norm }))),
  );

describe("encoderWeights", () => {
  it.each(["shared.weight", "encoder.embed_tokens.weight"])(
    "finds the token embedding under %s",
    (key) => {
      const weights = weightsWith({ [key]: embedding(7) });
      expect([...weights.keys()]).toEqual(["shared.weight", "encoder.final_layer_norm.weight"]);
      expect(weights.shape("shared.weight")).toEqual([3, 2]);
      expect(weights.tensor("shared.weight").equal(embedding(7))).toBe(true);
      expect(weights.tensor("encoder.final_layer_norm.weight").equal(norm)).toBe(true);
    },
  );

  it("takes both names where they hold the same, and refuses them where they differ", () => {
    const both = weightsWith({
      "shared.weight": embedding(7),
      "encoder.embed_tokens.weight": embedding(7),
    });
    expect([...both.keys()]).toEqual(["shared.weight", "encoder.final_layer_norm.weight"]);
    expect(() =>
      weightsWith({
        "shared.weight": embedding(7),
        "encoder.embed_tokens.weight": embedding(8),
      }),
    ).toThrow(
      "Expected equal tensors for shared.weight and encoder.embed_tokens.weight, which T5 ties, but they differ; remove the one that is not in use",
    );
  });

  it("leaves the decoder out", () => {
    const weights = weightsWith({
      "shared.weight": embedding(7),
      "decoder.embed_tokens.weight": embedding(7),
      "decoder.block.0.layer.0.SelfAttention.q.weight": embedding(1),
      "lm_head.weight": embedding(1),
    });
    expect([...weights.keys()]).toEqual(["shared.weight", "encoder.final_layer_norm.weight"]);
  });
});
