import { afterEach, describe, expect, it } from "vitest";
import * as torch from "./index.ts";

// Operators over all tensors at once, against the formulas in float64.

/** Smaller and larger than a vector, than a piece of work, and than all threads' grains. */
const SHAPES = [[1], [3, 5], [17, 16], [40_000], [300, 257]];
const SETTINGS = {
  lr: 1e-2,
  beta1: 0.9,
  beta2: 0.999,
  weightDecay: 0.1,
  eps: 1e-6,
  gradScale: 0.3,
};

afterEach(() => torch.setThreads(2));

const drawn = (seed: number, shape: readonly number[]): torch.Tensor =>
  torch.randn(shape, { generator: torch.generator(seed) });

const distance = (actual: torch.Tensor, wanted: torch.Tensor): number => {
  const exact = wanted.to({ dtype: "float64" });
  return actual.to({ dtype: "float64" }).sub(exact).norm().item() / exact.norm().item();
};

interface State {
  readonly parameter: torch.Tensor;
  readonly grad: torch.Tensor;
  readonly mean: torch.Tensor;
  readonly square: torch.Tensor;
  readonly step: torch.Tensor;
}

const stateOf = (shape: readonly number[], seed: number, make = drawn): State => ({
  parameter: make(seed, shape),
  grad: make(seed + 1, shape),
  mean: make(seed + 2, shape),
  square: make(seed + 3, shape).square(),
  step: torch.full([], 3),
});

function adamw(states: readonly State[]): void {
  torch.foreachAdamw_(
    states.map(({ parameter }) => parameter),
    states.map(({ grad }) => grad),
    states.map(({ mean }) => mean),
    states.map(({ square }) => square),
    states.map(({ step }) => step),
    SETTINGS,
  );
}

/** The same in float64. */
function wantedOf({ parameter, grad, mean, square, step }: State): State {
  const { lr, beta1, beta2, weightDecay, eps, gradScale } = SETTINGS;
  const wide = (t: torch.Tensor): torch.Tensor => t.to({ dtype: "float64" });
  const g = wide(grad).mul(gradScale);
  const m = wide(mean)
    .mul(beta1)
    .add(g.mul(1 - beta1));
  const v = wide(square)
    .mul(beta2)
    .add(g.square().mul(1 - beta2));
  const n = step.item() + 1;
  const denominator = v
    .sqrt()
    .div(Math.sqrt(1 - beta2 ** n))
    .add(eps);
  const moved = m.div(denominator).mul(lr / (1 - beta1 ** n));
  return {
    parameter: wide(parameter)
      .mul(1 - lr * weightDecay)
      .sub(moved),
    grad,
    mean: m,
    square: v,
    step: torch.full([], n),
  };
}

describe("foreachAdamw_", () => {
  it("updates tensors of all sizes as the formula says", () => {
    torch.tidy(() => {
      const states = SHAPES.map((shape, i) => stateOf(shape, 10 * i));
      const wanted = states.map(wantedOf);
      const grads = states.map(({ grad }) => grad.clone());
      adamw(states);
      for (const [i, state] of states.entries()) {
        for (const part of ["parameter", "mean", "square"] as const) {
          const error = distance(state[part], (wanted[i] as State)[part]);
          expect(error, `${part} of [${SHAPES[i]}]`).toBeLessThan(2e-7);
        }
        expect(state.step.item()).toBe(4);
        expect(distance(state.grad, grads[i] as torch.Tensor)).toBe(0);
      }
    });
  });

  it("takes tensors that are not float32 or lie otherwise in memory, among others", () => {
    torch.tidy(() => {
      const transposed = (seed: number, [rows = 1, columns = 1]: readonly number[]) =>
        drawn(seed, [columns, rows]).t();
      const states = [
        stateOf([3, 5], 0),
        stateOf([3, 5], 10, transposed),
        { ...stateOf([3, 5], 20), grad: transposed(1, [3, 5]) },
        stateOf([3, 5], 30, (seed, shape) => drawn(seed, shape).to({ dtype: "float64" })),
      ];
      const wanted = states.map(wantedOf);
      adamw(states);
      for (const [i, { parameter }] of states.entries())
        expect(distance(parameter, (wanted[i] as State).parameter), `${i}`).toBeLessThan(2e-7);
    });
  });

  it("gives the same bits on any number of threads", () => {
    torch.tidy(() => {
      const [one, two] = [1, 2].map((count) => {
        torch.setThreads(count);
        const states = SHAPES.map((shape, i) => stateOf(shape, 10 * i));
        adamw(states);
        return states.map(({ parameter }) => parameter);
      }) as [torch.Tensor[], torch.Tensor[]];
      for (const [i, parameter] of one.entries())
        expect(parameter.equal(two[i] as torch.Tensor)).toBe(true);
    });
  });

  it("tells autograd that its tensors have changed", () => {
    torch.tidy(() => {
      const state = stateOf([4], 0);
      const w = drawn(9, [4]).requiresGrad_();
      const product = w.mul(state.parameter).sum();
      torch.noGrad(() => adamw([state]));
      expect(() => torch.backward(product)).toThrow(/modified by an inplace operation/);
    });
  });

  it("refuses lists of other lengths", () => {
    torch.tidy(() => {
      const { parameter, grad, mean, square } = stateOf([2], 0);
      expect(() =>
        torch.foreachAdamw_([parameter], [grad], [mean], [square], [], SETTINGS),
      ).toThrow("foreach_adamw_: expected lists of equal length but received [1, 1, 1, 1, 0]");
    });
  });
});

describe("foreachLerp_", () => {
  it.each([0.01, 0.7, 1])("goes %d of the way", (weight) => {
    torch.tidy(() => {
      const starts = SHAPES.map((shape, i) => drawn(i, shape));
      const ends = SHAPES.map((shape, i) => drawn(100 + i, shape));
      const wanted = starts.map((start, i) => {
        const wide = start.to({ dtype: "float64" });
        return wide.add((ends[i] as torch.Tensor).to({ dtype: "float64" }).sub(wide).mul(weight));
      });
      torch.foreachLerp_(starts, ends, weight);
      for (const [i, start] of starts.entries())
        expect(distance(start, wanted[i] as torch.Tensor)).toBeLessThan(2e-7);
      if (weight === 1) expect(starts[0]?.equal(ends[0] as torch.Tensor)).toBe(true);
    });
  });

  it("takes tensors of other types and layouts among others, and refuses lists of other lengths", () => {
    torch.tidy(() => {
      const starts = [
        drawn(1, [3, 5]),
        drawn(2, [5, 3]).t(),
        drawn(3, [4]).to({ dtype: "float64" }),
      ];
      const ends = [4, 5].map((seed) => drawn(seed, [3, 5]));
      const all = [...ends, drawn(6, [4]).to({ dtype: "float64" })];
      const wanted = starts.map((start, i) => start.lerp(all[i] as torch.Tensor, 0.3));
      torch.foreachLerp_(starts, all, 0.3);
      for (const [i, start] of starts.entries())
        expect(distance(start, wanted[i] as torch.Tensor), `${i}`).toBeLessThan(2e-7);
      expect(() => torch.foreachLerp_(starts, ends, 0.3)).toThrow(
        "foreach_lerp_: expected lists of equal length but received [3, 2]",
      );
    });
  });

  it("is refused on leaves that want gradients, as libtorch refuses it", () => {
    torch.tidy(() => {
      const leaf = drawn(1, [4]).requiresGrad_();
      expect(() => torch.foreachLerp_([leaf], [drawn(2, [4])], 0.5)).toThrow(/leaf Variable/);
      const made = leaf.mul(2);
      torch.foreachLerp_([made], [torch.zeros([4])], 0.5);
      torch.backward(made.sum());
      expect(leaf.grad?.tolist()).toEqual([1, 1, 1, 1]);
    });
  });

  it("tells autograd that its tensors have changed", () => {
    torch.tidy(() => {
      const [x, y] = [drawn(1, [4]).requiresGrad_(), drawn(2, [4])];
      const product = x.mul(y).sum();
      torch.noGrad(() => torch.foreachLerp_([y], [drawn(3, [4])], 0.5));
      expect(() => torch.backward(product)).toThrow(/modified by an inplace operation/);
    });
  });
});

describe("totalNorm", () => {
  it("is that of all numbers, in float64 to the last digit of float32", () => {
    torch.tidy(() => {
      const tensors = SHAPES.map((shape, i) => drawn(i, shape));
      const wide = torch.cat(tensors.map((t) => t.flatten().to({ dtype: "float64" })));
      expect(Math.abs(torch.totalNorm(tensors).item() / wide.norm().item() - 1)).toBeLessThan(
        1.2e-7,
      );
      const halves = tensors.map((t) => t.to({ dtype: "bfloat16" }));
      expect(Math.abs(torch.totalNorm(halves).item() / wide.norm().item() - 1)).toBeLessThan(5e-3);
      expect(torch.totalNorm([]).item()).toBe(0);
      const withNone = [...tensors, torch.zeros([0])];
      expect(torch.totalNorm(withNone).item()).toBeCloseTo(wide.norm().item(), 3);
    });
  });

  it("is not finite where a number isn't", () => {
    torch.tidy(() => {
      expect(torch.totalNorm([torch.tensor([1, Number.NaN])]).item()).toBeNaN();
      expect(torch.totalNorm([torch.tensor([3e38, 3e38])]).item()).toBe(1 / 0);
    });
  });
});
