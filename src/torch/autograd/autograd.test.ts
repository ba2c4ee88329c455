import { describe, expect, it } from "vitest";
import { InvalidTypeError, InvalidValueError, UnsupportedError } from "../../errors/index.ts";
import * as torch from "../index.ts";

const leaf = (data: torch.NestedNumbers): torch.Tensor => torch.tensor(data).requiresGrad_();

describe("backward", () => {
  it("accumulates into the leaves", () => {
    const w = leaf([1, 2]);
    torch.backward(w.square().sum());
    expect(w.grad?.tolist()).toEqual([2, 4]);
    torch.backward(w.mul(3).sum());
    expect(w.grad?.tolist()).toEqual([5, 7]);
    w.grad = undefined;
    expect(w.grad).toBeUndefined();
  });

  it("is a method of the loss too", () => {
    const w = leaf([1, 2]);
    w.square().sum().backward();
    expect(w.grad?.tolist()).toEqual([2, 4]);
  });

  it("takes several tensors, with gradients of their own", () => {
    const w = leaf([1, 2]);
    torch.backward([w.mul(2), w.square()], {
      gradients: [torch.tensor([1, 10]), torch.tensor([100, 1000])],
    });
    expect(w.grad?.tolist()).toEqual([202, 4020]);
  });

  it("goes a second time only through a retained graph", () => {
    const w = leaf([3]);
    const loss = w.square().sum();
    torch.backward(loss, { retainGraph: true });
    torch.backward(loss);
    expect(w.grad?.item()).toBe(12);
    expect(() => torch.backward(loss)).toThrow(
      /^Trying to backward through the graph a second time/,
    );
    expect(w.grad?.item()).toBe(12);
  });

  it("refuses what depends on no leaf, and what has several elements", () => {
    expect(() => torch.backward(torch.ones([1]))).toThrow(
      new torch.TorchError(
        "element 0 of tensors does not require grad and does not have a grad_fn",
      ),
    );
    expect(() => torch.backward(leaf([1, 2]).mul(2))).toThrow(
      new torch.TorchError("grad can be implicitly created only for scalar outputs"),
    );
  });

  it("stops at detach()", () => {
    const w = leaf([2]);
    torch.backward(w.mul(w.detach()).sum());
    expect(w.grad?.item()).toBe(2);
  });

  it("takes a gradient set by hand, and refuses one of another shape", () => {
    const w = leaf([1, 2]);
    w.grad = torch.tensor([5, 6]);
    torch.backward(w.sum());
    expect(w.grad?.tolist()).toEqual([6, 7]);
    const give = (gradient: torch.Tensor) => (): void => {
      w.grad = gradient;
    };
    expect(give(torch.zeros([3]))).toThrow(
      new InvalidValueError("Expected float32 [2] for grad but received float32 [3]"),
    );
    expect(give(torch.zeros([2], { dtype: "bfloat16" }))).toThrow(
      new InvalidValueError("Expected float32 [2] for grad but received bfloat16 [2]"),
    );
    expect(give(torch.zeros([2], { device: "meta" }))).toThrow(
      new InvalidValueError("Expected float32 [2] for grad but received float32 [2], meta"),
    );
  });
});

describe("requiresGrad_", () => {
  it("marks leaves", () => {
    const w = torch.ones([1]);
    expect([w.requiresGrad, w.isLeaf]).toEqual([false, true]);
    expect(w.requiresGrad_()).toBe(w);
    const y = w.mul(2);
    expect([w.requiresGrad, y.requiresGrad, y.isLeaf]).toEqual([true, true, false]);
    expect(w.requiresGrad_(false).requiresGrad).toBe(false);
  });

  it("refuses integers", () => {
    expect(() => torch.zeros([1], { dtype: "int64" }).requiresGrad_()).toThrow(
      /^only Tensors of floating point/i,
    );
  });
});

describe("grad", () => {
  it("gives gradients and touches no leaf", () => {
    const [a, b] = [leaf([2]), leaf([3])];
    const gradients = torch.grad(a.square().mul(b), [a, b]);
    expect(gradients.map((gradient) => gradient?.item())).toEqual([12, 4]);
    expect([a.grad, b.grad]).toEqual([undefined, undefined]);
  });

  it("gives gradients of gradients", () => {
    const w = leaf([2]);
    const [first] = torch.grad(w.pow(3), [w], { createGraph: true });
    const [second] = torch.grad(first as torch.Tensor, [w]);
    expect([first?.item(), second?.item()]).toEqual([12, 12]);
  });

  it("gives undefined for unused inputs on request", () => {
    const [a, b] = [leaf([2]), leaf([3])];
    expect(torch.grad(a.mul(1), [a, b], { allowUnused: true })[1]).toBeUndefined();
    expect(() => torch.grad(a.mul(1), [a, b])).toThrow(
      /differentiated Tensors appears to not have been used in the graph/,
    );
  });

  it("weighs several outputs", () => {
    const w = leaf([1, 1]);
    const gradients = [torch.tensor([1, 2])];
    expect(torch.grad([w.mul(3)], [w], { gradients })[0]?.tolist()).toEqual([3, 6]);
  });

  it("refuses to pass through checkpoint()", () => {
    const w = leaf([2]);
    const y = torch.checkpoint((x) => x.square(), [w]);
    expect(() => torch.grad(y, [w])).toThrow(
      new UnsupportedError(
        "grad() cannot pass through checkpoint(): use backward() and read .grad",
      ),
    );
    torch.discardCheckpoints();
    expect(torch.grad(w.mul(2), [w])[0]?.item()).toBe(2);
  });
});

describe("noGrad and enableGrad", () => {
  const recorded = (): boolean => leaf([1]).mul(2).requiresGrad;

  it("switch recording, one inside the other", () => {
    expect(recorded()).toBe(true);
    torch.noGrad(() => {
      expect([recorded(), torch.isGradEnabled()]).toEqual([false, false]);
      expect(torch.enableGrad(recorded)).toBe(true);
      expect(recorded()).toBe(false);
    });
    expect([recorded(), torch.isGradEnabled()]).toEqual([true, true]);
  });

  it("are restored when the body throws", () => {
    const body = (): never => {
      throw new Error("on purpose");
    };
    expect(() => torch.noGrad(body)).toThrow("on purpose");
    expect(torch.isGradEnabled()).toBe(true);
    torch.noGrad(() => {
      expect(() => torch.enableGrad(body)).toThrow("on purpose");
      expect(torch.isGradEnabled()).toBe(false);
    });
  });

  it("refuse a promise", () => {
    const text = (name: string): string =>
      `Expected a synchronous function for ${name} but received a promise: wrap each synchronous part of an async function separately.`;
    expect(() => torch.noGrad(async () => 1)).toThrow(new InvalidTypeError(text("torch.noGrad()")));
    expect(torch.isGradEnabled()).toBe(true);
    expect(() => torch.enableGrad(async () => 1)).toThrow(
      new InvalidTypeError(text("torch.enableGrad()")),
    );
  });
});
