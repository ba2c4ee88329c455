import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { IncompatibleError, InvalidValueError } from "../errors/index.ts";
import * as torch from "../torch/index.ts";
import {
  createOptimizer,
  isHiddenMatrix,
  type Optimizer,
  type OptimizerSettings,
  Prodigy,
} from "./index.ts";

const types = ["adamw", "came", "adafactor", "lion", "prodigy", "muon"] as const;

/** Tensors of state of a matrix and of a vector; Prodigy has four numbers of its own besides. */
const stateTensors: Readonly<Record<OptimizerSettings["type"], readonly [number, number]>> = {
  adamw: [3, 3],
  came: [5, 2],
  adafactor: [3, 2],
  lion: [1, 1],
  prodigy: [4, 4],
  muon: [1, 3],
};
const own = (type: OptimizerSettings["type"]): number => (type === "prodigy" ? 4 : 0);

function parameters(): Map<string, torch.Tensor> {
  return new Map([
    ["a.weight", torch.keep(torch.randn([3, 4], { generator: torch.generator(1) }))],
    ["a.bias", torch.keep(torch.ones([3]))],
  ]);
}

function made(type: OptimizerSettings["type"]): [Map<string, torch.Tensor>, Optimizer] {
  const weights = parameters();
  for (const weight of weights.values()) weight.requiresGrad_();
  return [weights, createOptimizer({ type }, [{ parameters: weights }])];
}

const loss = (weights: ReadonlyMap<string, torch.Tensor>): torch.Tensor =>
  [...weights.values()].map((w) => w.float().square().sum()).reduce((a, b) => a.add(b));

describe.each(types)("%s", (type) => {
  it("brings a loss down", () => {
    torch.tidy(() => {
      const [weights, optimizer] = made(type);
      const before = loss(weights).item();
      for (let step = 0; step < 60; step++) {
        torch.backward(loss(weights));
        optimizer.step(type === "prodigy" ? 1 : 0.05);
        optimizer.zeroGrad();
      }
      expect(loss(weights).item()).toBeLessThan(type === "prodigy" ? before : before / 4);
      expect(weights.get("a.weight")?.requiresGrad).toBe(true);
      expect(weights.get("a.weight")?.grad).toBeUndefined();
    });
  });

  it("says all that is wrong with a saved state, and changes nothing", () => {
    torch.tidy(() => {
      const [weights, optimizer] = made(type);
      torch.backward(loss(weights));
      optimizer.step(0.1);
      const state = optimizer.stateDict();
      const [first = "", second = "", third] = state.keys();
      const before = state.get(first)?.tolist();
      const saved = new Map(state)
        .set("exp_avg.b", torch.ones([2]))
        .set(second, torch.ones([9, 9]));
      saved.delete(third ?? "");
      saved.set(first, torch.zerosLike(state.get(first) ?? torch.ones([])));
      const { dtype = "float32", shape = [] } = state.get(second) ?? {};
      const mistakes = [
        `has ${second} as float32(9, 9) where ${dtype}(${shape.join(", ")}) is expected`,
        ...(third === undefined ? [] : [`lacks ${third}`]),
        "has exp_avg.b, which this optimizer does not keep",
      ];
      expect(() => optimizer.loadStateDict(saved)).toThrow(
        new IncompatibleError(`The saved optimizer state ${mistakes.join("; ")}`),
      );
      expect(optimizer.stateDict().get(first)?.tolist()).toEqual(before);
    });
  });

  it("keeps no state of a frozen parameter, and leaves it alone", () => {
    torch.tidy(() => {
      const weights = parameters();
      weights.get("a.bias")?.requiresGrad_();
      const optimizer = createOptimizer({ type }, [{ parameters: weights }]);
      const keys = [...optimizer.stateDict().keys()];
      expect(keys.length).toBe(stateTensors[type][1] + own(type));
      expect(keys.filter((key) => key.endsWith("a.weight"))).toEqual([]);
      const before = weights.get("a.weight")?.tolist();
      torch.backward(loss(weights));
      optimizer.step(0.1);
      expect(weights.get("a.weight")?.tolist()).toEqual(before);
      expect(weights.get("a.bias")?.tolist()).not.toEqual([1, 1, 1]);
    });
  });

  it("counts in float32 for bfloat16 weights, but for AdamW's moments", () => {
    torch.tidy(() => {
      const weights = new Map([
        ["a.weight", torch.ones([3, 4], { dtype: "bfloat16" }).requiresGrad_()],
      ]);
      const optimizer = createOptimizer({ type }, [{ parameters: weights }]);
      torch.backward(loss(weights));
      optimizer.step(type === "prodigy" ? 1e4 : 0.1);
      const [weight] = weights.values();
      expect(weight?.dtype).toBe("bfloat16");
      expect(weight?.float().amax().item()).toBeLessThan(1);
      const dtypes = [...optimizer.stateDict()].map(([key, tensor]) =>
        key.endsWith("a.weight") ? tensor.dtype : "float32",
      );
      if (type !== "adamw") expect(new Set(dtypes)).toEqual(new Set(["float32"]));
    });
  });

  it("counts gradients as often as it is told, also where there are none", () => {
    torch.tidy(() => {
      const [whole, scaled] = [parameters(), parameters()].map((weights, i) => {
        for (const weight of weights.values()) weight.requiresGrad_();
        const optimizer = createOptimizer({ type }, [{ parameters: weights }]);
        optimizer.step(0.1, 0.5); // without gradients
        // Two steps: a single one of Adam is the same at any scale.
        for (const part of [4, 2]) {
          torch.backward(loss(weights).div(i === 0 ? part : 1));
          optimizer.step(0.1, i === 0 ? 1 : 1 / part);
          optimizer.zeroGrad();
        }
        return [...weights.values()].flatMap((weight) => [...weight.detach().toFloat32Array()]);
      }) as [number[], number[]];
      for (const [i, value] of whole.entries()) expect(scaled[i]).toBeCloseTo(value, 5);
    });
  });

  describe("memory", () => {
    let before: number;
    beforeEach(() => {
      collectGarbage();
      before = torch.memory().tensors;
    });

    it("is its state alone, and none after dispose()", () => {
      const weights = parameters();
      for (const weight of weights.values()) weight.requiresGrad_();
      const optimizer = torch.tidy(() => {
        const it = createOptimizer({ type }, [{ parameters: weights }]);
        return {
          step: it.step.bind(it),
          zeroGrad: it.zeroGrad.bind(it),
          dispose: it.dispose.bind(it),
        };
      });
      const [matrix, vector] = stateTensors[type];
      const held = before + 2 + matrix + vector + own(type);
      expect(torch.memory().tensors).toBe(held);
      for (let step = 0; step < 3; step++) {
        torch.tidy(() => torch.backward(loss(weights)));
        optimizer.step(0.1);
        optimizer.zeroGrad();
        expect(torch.memory().tensors).toBe(held);
      }
      optimizer.dispose();
      expect(torch.memory().tensors).toBe(before + 2);
      for (const weight of weights.values()) weight.dispose();
    });
  });
});

describe("Prodigy", () => {
  it("refuses a group with a rate of its own", () => {
    const group = { parameters: new Map<string, torch.Tensor>(), lrScale: 0.5 };
    expect(() => new Prodigy([{ parameters: new Map() }, group])).toThrow(
      new InvalidValueError(
        "Expected the same learning rate for all groups, since Prodigy estimates one for all, but received lrScale 0.5",
      ),
    );
  });

  it("learns nothing at rate zero or from gradients of zero", () => {
    torch.tidy(() => {
      const [weights, optimizer] = made("prodigy");
      const before = weights.get("a.weight")?.tolist();
      torch.backward(loss(weights));
      optimizer.step(0);
      for (const weight of weights.values()) weight.grad = torch.zerosLike(weight);
      optimizer.step(1);
      expect(weights.get("a.weight")?.tolist()).toEqual(before);
      expect(optimizer.stateDict().get("step")?.item()).toBe(0);
      expect(optimizer.stateDict().get("d")?.item()).toBe(1e-6);
    });
  });
});

describe("isHiddenMatrix", () => {
  it.each([
    ["transformer.transformer_blocks.0.attn1.to_q.weight", [8, 8], true],
    ["transformer.caption_projection.linear_1.weight", [8, 4], true],
    ["transformer.adaln_single.linear.weight", [48, 8], true],
    ["transformer.transformer_blocks.0.scale_shift_table", [6, 8], false],
    ["transformer.transformer_blocks.0.attn1.to_q.bias", [8], false],
    ["transformer.pos_embed.proj.weight", [8, 4, 2, 2], false],
    ["transformer.proj_out.weight", [32, 8], false],
    ["transformer.proj_out_2.weight", [32, 8], false],
    [
      "transformer.transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight",
      [9, 8],
      false,
    ],
    ["text_encoder.shared.weight", [99, 8], false],
    [
      "text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      [32, 2],
      false,
    ],
    ["text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight", [8, 8], true],
  ])("%s: %j %s", (name, shape, expected) => {
    const parameter = torch.zeros(shape);
    expect(isHiddenMatrix(name, parameter)).toBe(expected);
  });
});
