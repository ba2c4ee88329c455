import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { InvalidValueError } from "../errors/index.ts";
import * as torch from "./index.ts";

/** The number of tensors that `body` leaves alive beyond what it returns. */
function leftAlive(body: () => unknown): number {
  collectGarbage();
  const before = torch.memory().tensors;
  body();
  return torch.memory().tensors - before;
}

describe("what a tensor says of itself", () => {
  it("has a shape, a dtype and a device", () => {
    const t = torch.zeros([2, 0, 3], { dtype: "int16" });
    expect([t.shape, t.ndim, t.numel, t.dtype, t.device]).toEqual([
      [2, 0, 3],
      3,
      0,
      "int16",
      "cpu",
    ]);
    expect([t.size(0), t.size(-1)]).toEqual([2, 3]);
    expect(() => t.size(3)).toThrow(
      new InvalidValueError("Expected a dimension of a 3-dimensional tensor but received 3"),
    );
  });

  it.each([
    [torch.tensor(1.5), "Tensor(float32 []) 1.5"],
    [torch.tensor([[1, 2]], { dtype: "int64" }), "Tensor(int64 [1, 2]) [[1,2]]"],
    [torch.tensor([1, 0], { dtype: "bool" }), "Tensor(bool [2]) [1,0]"],
    [torch.tensor([0.5], { dtype: "bfloat16" }), "Tensor(bfloat16 [1]) [0.5]"],
    [torch.tensor([Number.NaN, -1 / 0]), "Tensor(float32 [2]) [NaN,-Infinity]"],
    [torch.zeros([17]), "Tensor(float32 [17])"],
    [torch.zeros([2], { device: "meta" }), "Tensor(float32 [2], meta)"],
    [torch.tensor([1]).requiresGrad_(), "Tensor(float32 [1], requiresGrad) [1]"],
  ])("prints as text %#", (t, text) => {
    expect(String(t)).toBe(text);
    expect(inspect(t)).toBe(text);
  });

  it("prints as disposed after that", () => {
    const t = torch.zeros([1]);
    expect(t.isDisposed).toBe(false);
    t.dispose();
    expect(t.isDisposed).toBe(true);
    expect(String(t)).toBe("Tensor(disposed)");
  });

  it("leaves nothing behind when it is printed or read", () => {
    using half = torch.tensor([1, 2], { dtype: "bfloat16" }).requiresGrad_();
    expect(
      leftAlive(() => [String(half), half.tolist(), half.toFloat32Array(), half.toBytes()]),
    ).toBe(0);
  });
});

describe("reading", () => {
  it("gives the only element as a number", () => {
    expect(torch.tensor([[-2.5]]).item()).toBe(-2.5);
    expect(torch.tensor(2 ** 53 - 1, { dtype: "int64" }).item()).toBe(2 ** 53 - 1);
    expect(torch.tensor(1, { dtype: "bool" }).item()).toBe(1);
    expect(torch.tensor(Number.NaN).item()).toBeNaN();
    expect(() => torch.zeros([2]).item()).toThrow(
      new torch.TorchError("a Tensor with 2 elements cannot be converted to Scalar"),
    );
  });

  it("gives elements in row-major order, whatever the strides", () => {
    const t = torch
      .tensor([
        [1, 2, 3],
        [4, 5, 6],
      ])
      .t();
    expect(t.toTypedArray()).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
    expect(t.tolist()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(torch.zeros([1]).expand([2, 2]).toFloat32Array()).toEqual(new Float32Array(4));
  });

  it("gives every dtype as float32", () => {
    for (const dtype of torch.dtypes) {
      expect(torch.tensor([1, 0], { dtype }).toFloat32Array()).toEqual(Float32Array.of(1, 0));
    }
  });

  it("gives half floats as float32, exactly", () => {
    for (const dtype of ["bfloat16", "float16"] as const) {
      expect(torch.tensor([0.15625, -3], { dtype }).toTypedArray()).toEqual(
        Float32Array.of(0.15625, -3),
      );
    }
  });

  it("gives empty tensors", () => {
    expect(torch.zeros([0]).tolist()).toEqual([]);
    expect(torch.zeros([2, 0]).tolist()).toEqual([[], []]);
    expect(torch.zeros([0, 3]).toTypedArray()).toEqual(new Float32Array(0));
  });

  it("reads through a recorded graph", () => {
    const y = torch.tensor([2]).requiresGrad_().square();
    expect(y.toFloat32Array()).toEqual(Float32Array.of(4));
    expect(y.item()).toBe(4);
  });
});

describe("to", () => {
  it("is the same tensor where nothing changes", () => {
    const t = torch.zeros([1]);
    expect(t.to({})).toBe(t);
    expect(t.to({ dtype: "float32", device: "cpu" })).toBe(t);
    expect(t.float()).toBe(t);
    expect(t.to({ copy: true })).not.toBe(t);
  });

  it("converts", () => {
    const t = torch.tensor([1.75, -1.75]);
    expect(t.to({ dtype: "int32" }).tolist()).toEqual([1, -1]);
    expect(t.to({ dtype: "bool" }).tolist()).toEqual([1, 1]);
    expect(t.to({ device: "meta" }).shape).toEqual([2]);
  });
});

describe("several names for one tensor", () => {
  it("are told from equal values", () => {
    const t = torch.zeros([1]);
    const second = torch.retain(t);
    expect(torch.isSameTensor(t, second)).toBe(true);
    expect(torch.isSameTensor(t, torch.zeros([1]))).toBe(false);
  });

  it("outlive each other", () => {
    const t = torch.ones([2]);
    const second = torch.retain(t);
    t.dispose();
    expect(second.tolist()).toEqual([1, 1]);
  });
});

describe("operators as methods", () => {
  it("take a tensor or a number", () => {
    const t = torch.tensor([1, 2]);
    expect(
      t
        .add(1)
        .mul(torch.tensor([2, 3]))
        .tolist(),
    ).toEqual([4, 9]);
    expect(t.eq(2).tolist()).toEqual([0, 1]);
    expect(t.lt(torch.tensor([2, 2])).dtype).toBe("bool");
  });

  it("keep integer tensors integer", () => {
    const t = torch.tensor([3], { dtype: "int64" });
    expect(t.add(1).dtype).toBe("int64");
    expect(t.mul(0.5).dtype).toBe("float32");
  });

  it("write in place and return themselves", () => {
    const t = torch.zeros([2]);
    expect(t.add_(1).mul_(3).clamp_({ max: 2 })).toBe(t);
    expect(t.tolist()).toEqual([2, 2]);
  });

  it("take bare numbers, defaults and options of the schema", () => {
    const t = torch.tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(t.sum([0]).tolist()).toEqual([4, 6]);
    expect(t.sum().item()).toBe(10);
    expect(t.mean([1], true).tolist()).toEqual([[1.5], [3.5]]);
    expect(t.chunk(2, 1).map((part) => part.tolist())).toEqual([
      [[1], [3]],
      [[2], [4]],
    ]);
    const [values, indices] = t.topk(1);
    expect([values.tolist(), indices.tolist()]).toEqual([
      [[2], [4]],
      [[1], [1]],
    ]);
  });
});
