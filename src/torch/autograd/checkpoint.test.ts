import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { Linear, Module } from "../../nn/index.ts";
import * as torch from "../index.ts";

type Run = (...inputs: torch.Tensor[]) => torch.Tensor;
/** Calls a segment: checkpointed, or plainly. */
type Call = (run: Run, inputs: readonly torch.Tensor[]) => torch.Tensor;

const plainly: Call = (run, inputs) => run(...inputs);

const random = (shape: readonly number[], seed: number): torch.Tensor =>
  torch.randn(shape, { generator: torch.generator(seed) });

const weights = [1, 2, 3, 4, 5, 6].map((seed) => torch.keep(random([4, 4], seed)).requiresGrad_());
const x = torch.keep(random([3, 4], 7)).requiresGrad_();
const shared = torch.keep(random([1, 4], 8)).requiresGrad_();
const constant = torch.keep(random([3, 4], 9));
const leaves = [...weights, x, shared];

/** One nonlinear layer; it makes several temporaries. */
const layer =
  (i: number): Run =>
  (...inputs) =>
    inputs
      .reduce((sum, input) => sum.add(input))
      .matmul(weights[i] as torch.Tensor)
      .tanh();

/** The loss and all leaves' gradients. */
function gradientsOf(loss: () => torch.Tensor): (torch.NestedNumbers | undefined)[] {
  for (const each of leaves) each.grad = undefined;
  return torch.tidy(() => {
    const value = loss();
    torch.backward(value);
    return [value.tolist(), ...leaves.map(({ grad }) => grad?.tolist())];
  });
}

/** Sums of the same terms in another order: float32 rounds them differently. */
function expectClose(
  actual: readonly (torch.NestedNumbers | undefined)[],
  expected: readonly (torch.NestedNumbers | undefined)[],
): void {
  const flat = (values: typeof actual): number[] =>
    values.map((value) => value ?? []).flat(3) as number[];
  expect(actual.map((value) => value !== undefined)).toEqual(
    expected.map((value) => value !== undefined),
  );
  const wanted = flat(expected);
  const scale = Math.max(...wanted.map(Math.abs));
  const errors = flat(actual).map((value, i) => Math.abs(value - (wanted[i] ?? Number.NaN)));
  expect(errors).toHaveLength(wanted.length);
  expect(Math.max(...errors) / scale).toBeLessThan(1e-6);
}

let before: number;
beforeEach(() => {
  for (const each of leaves) each.grad = undefined;
  collectGarbage();
  before = torch.memory().tensors;
});

const models: Record<string, (call: Call) => torch.Tensor> = {
  "one segment": (call) => call(layer(0), [x]).square().sum(),

  "a chain of six": (call) => {
    let y: torch.Tensor = x;
    for (let i = 0; i < 6; i++) y = call(layer(i), [y]);
    return y.square().sum();
  },

  "a chain of six that share an input, which the code after them takes too": (call) => {
    const modulation = shared.square().sin();
    let y = x.mul(2);
    for (let i = 0; i < 6; i++) y = call(layer(i), [y, modulation]);
    return y.mul(modulation).sum().add(modulation.sum());
  },

  "an input that is a leaf, in several segments and after them": (call) => {
    const y = call(layer(1), [call(layer(0), [x, shared]), shared]);
    return y.mul(shared).sum();
  },

  "two inputs with a common history": (call) => {
    const base = shared.square();
    const [a, b] = [base.sin(), base.cos()];
    const first = call(layer(0), [x, a]);
    return call(layer(1), [first, b, a]).mul(base).sum();
  },

  "one tensor as two inputs of a segment": (call) => call(layer(0), [x, x]).square().sum(),

  "an output that two segments and the code after them take": (call) => {
    const first = call(layer(0), [x]);
    const second = call(layer(1), [first]);
    return call(layer(2), [first, second]).add(first).square().sum();
  },

  "inputs that need no gradient": (call) => call(layer(0), [constant, constant]).square().sum(),

  "segments in which nothing needs a gradient": (call) => {
    const frozen = call((input) => input.sin(), [constant]);
    return call(layer(0), [x, frozen]).sum();
  },

  "a segment whose output the loss does not need": (call) => {
    const first = call(layer(0), [x]);
    call(layer(1), [first]);
    return first.square().sum();
  },

  "segments inside segments": (call) => {
    const inner: Run = (input, other) => {
      const y = call(layer(1), [input.sin(), other as torch.Tensor]);
      return call((z) => call(layer(2), [z, other as torch.Tensor]).add(z), [y]);
    };
    return call(layer(3), [call(inner, [call(layer(0), [x]), shared])])
      .square()
      .sum();
  },
};

describe("checkpoint", () => {
  it.each(Object.keys(models))("has the gradients of the plain graph: %s", (name) => {
    const model = models[name] as (call: Call) => torch.Tensor;
    const plain = gradientsOf(() => model(plainly));
    expect(plain[1]).toBeDefined();
    const checkpointed = gradientsOf(() => model(torch.checkpoint));
    expectClose(checkpointed, plain);
    expect(gradientsOf(() => model(torch.checkpoint))).toEqual(checkpointed);
    for (const each of leaves) each.grad = undefined;
    expect(torch.memory().tensors).toBe(before);
  });

  it("adds up over several losses of one backward", () => {
    const losses = (call: Call): torch.Tensor[] => [
      call(layer(0), [x]).sum(),
      call(layer(0), [x.mul(2)]).sum(),
    ];
    const sum = gradientsOf(() => torch.stack(losses(plainly)).sum()).slice(1);
    for (const each of leaves) each.grad = undefined;
    torch.backward(losses(torch.checkpoint));
    expect(leaves.map(({ grad }) => grad?.tolist())).toEqual(sum);
  });

  it("has its backward by the loss's own method too", () => {
    const [, expected] = gradientsOf(() => layer(0)(x).sum());
    for (const each of leaves) each.grad = undefined;
    torch.checkpoint(layer(0), [x]).sum().backward();
    expect(expected).toBeDefined();
    expect(weights[0]?.grad?.tolist()).toEqual(expected);
  });

  it("adds to the gradients of earlier steps", () => {
    const loss = (): torch.Tensor => torch.checkpoint(layer(0), [x]).sum();
    const [, once] = gradientsOf(loss);
    torch.backward(loss());
    const doubled = torch.tensor(once as torch.NestedNumbers).mul(2);
    expect(weights[0]?.grad?.tolist()).toEqual(doubled.tolist());
  });

  it("keeps nothing of what ran inside, and runs it once more", () => {
    let runs = 0;
    const loss = torch.tidy(() => {
      const y = torch.checkpoint(
        (input) => {
          runs++;
          return layer(0)(input);
        },
        [x],
      );
      // The output, the tape's handle of it and of the input.
      expect(torch.memory().tensors - before).toBe(3);
      return y.sum();
    });
    expect(runs).toBe(1);
    torch.backward(loss);
    expect(runs).toBe(2);
  });

  it("works from inside the scopes of modules", () => {
    class Block extends Module {
      readonly first: Linear = new Linear(4, 4);
      readonly second: Linear = new Linear(4, 4);
      override forward(input: torch.Tensor, modulation: torch.Tensor): torch.Tensor {
        return this.second.call(this.first.call(input.mul(modulation)).tanh()).add(input);
      }
    }
    class Stack extends Module {
      readonly block0: Block = new Block();
      readonly block1: Block = new Block();
      isCheckpointed = false;
      override forward(input: torch.Tensor): torch.Tensor {
        const modulation = shared.exp();
        let y = input.mul(1);
        for (const block of [this.block0, this.block1]) {
          const run: Run = (...inputs) => block.call(...(inputs as [torch.Tensor, torch.Tensor]));
          y = this.isCheckpointed ? torch.checkpoint(run, [y, modulation]) : run(y, modulation);
        }
        return y;
      }
    }
    const stack = new Stack();
    const all = (isCheckpointed: boolean): unknown[] => {
      stack.isCheckpointed = isCheckpointed;
      for (const parameter of stack.parameters()) parameter.grad = undefined;
      const known = gradientsOf(() => stack.call(x).square().sum());
      return [...known, ...stack.parameters().map(({ grad }) => grad?.tolist())];
    };
    const plain = all(false);
    expect(plain.filter((gradient) => gradient !== undefined)).toHaveLength(11);
    expect(all(true)).toEqual(plain);
    stack.dispose();
  });

  it("runs again in the mixed precision of the first time", () => {
    const seen: string[] = [];
    const run: Run = (input) => {
      const y = torch.functional.linear(input, weights[0] as torch.Tensor);
      seen.push(y.dtype);
      return y.tanh();
    };
    const model = (call: Call) => (): torch.Tensor =>
      torch
        .autocast("cpu", "bfloat16", () => call(run, [x]))
        .float()
        .sum();
    const plain = gradientsOf(model(plainly));
    expect(gradientsOf(model(torch.checkpoint))).toEqual(plain);
    expect(seen).toEqual(["bfloat16", "bfloat16", "bfloat16"]);
    expect(torch.functional.linear(x, weights[0] as torch.Tensor).dtype).toBe("float32");
  });

  it("records nothing inside noGrad", () => {
    torch.noGrad(() => {
      const y = torch.checkpoint(layer(0), [x]);
      expect(y.requiresGrad).toBe(false);
      expect(torch.memory().tensors - before).toBeLessThanOrEqual(4);
    });
    expect(() => torch.grad(x.mul(2).sum(), [x])).not.toThrow();
  });

  it("has its backward inside noGrad too, as a plain graph has", () => {
    const [, expected] = gradientsOf(() => layer(0)(x).sum());
    for (const each of leaves) each.grad = undefined;
    const loss = torch.checkpoint(layer(0), [x]).sum();
    torch.noGrad(() => torch.backward(loss));
    expect(expected).toBeDefined();
    expect(weights[0]?.grad?.tolist()).toEqual(expected);
    expect(torch.isGradEnabled()).toBe(true);
  });

  it("restores grad mode, and records nothing, where the function throws", () => {
    const fail: Run = () => {
      throw new Error("on purpose");
    };
    expect(() => torch.checkpoint(fail, [x])).toThrow("on purpose");
    expect(torch.isGradEnabled()).toBe(true);
    expect(torch.grad(x.sum(), [x])).toHaveLength(1);
    expect(torch.memory().tensors).toBeLessThanOrEqual(before + 2);
  });

  it("gives everything back where the second run throws", () => {
    let runs = 0;
    const loss = torch.tidy(() => {
      const first = torch.checkpoint(layer(0), [x]);
      const flaky: Run = (input) => {
        if (++runs === 2) throw new Error("on purpose");
        return torch.checkpoint(layer(1), [input.sin()]);
      };
      return torch.checkpoint(flaky, [first]).sum();
    });
    expect(() => torch.backward(loss)).toThrow("on purpose");
    loss.dispose();
    expect(torch.memory().tensors).toBe(before);
    expect(torch.isGradEnabled()).toBe(true);
  });

  it("forgets an abandoned forward pass on request, or at the next backward", () => {
    torch.tidy(() => {
      torch.checkpoint(layer(0), [x]);
    });
    expect(torch.memory().tensors).toBe(before + 2);
    torch.discardCheckpoints();
    expect(torch.memory().tensors).toBe(before);

    torch.tidy(() => {
      torch.checkpoint(layer(0), [x]);
      torch.backward(x.sum());
    });
    expect(torch.tidy(() => x.grad?.sum().item())).toBe(12);
    x.grad = undefined;
    expect(torch.memory().tensors).toBe(before);
  });
});
