import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../errors/index.ts";
import * as torch from "./index.ts";

const { functional } = torch;
const picture = torch.keep(
  torch.tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]),
);

describe("interpolate", () => {
  it("takes a size or a factor", () => {
    const expected = [
      [
        [
          [1, 1, 2, 2],
          [1, 1, 2, 2],
          [3, 3, 4, 4],
          [3, 3, 4, 4],
        ],
      ],
    ];
    expect(functional.interpolate(picture, { scaleFactor: 2 }).tolist()).toEqual(expected);
    expect(functional.interpolate(picture, { size: [4, 4] }).tolist()).toEqual(expected);
    expect(functional.interpolate(picture, { size: [1, 2] }).shape).toEqual([1, 1, 1, 2]);
  });

  it("is bilinear between the centres of pixels", () => {
    const wide = functional.interpolate(picture, { size: [2, 4], mode: "bilinear" });
    expect(wide.tolist()).toEqual([
      [
        [
          [1, 1.25, 1.75, 2],
          [3, 3.25, 3.75, 4],
        ],
      ],
    ]);
  });

  it("is bicubic with overshoot", () => {
    const step = torch.tensor([[[[0, 0, 1, 1]]]]);
    const wide = functional.interpolate(step, { size: [1, 8], mode: "bicubic" });
    const values = wide.toFloat32Array();
    expect(Math.max(...values)).toBeGreaterThan(1);
    expect(values[3]).toBeCloseTo(1 - (values[4] ?? 0), 6);
  });

  it.each([{}, { size: [2, 2] as const, scaleFactor: 2 }])("refuses %j", (options) => {
    expect(() => functional.interpolate(picture, options)).toThrow(
      new InvalidValueError("Expected either size or scaleFactor for interpolate()"),
    );
  });
});

describe("functions with options", () => {
  it("pad", () => {
    expect(functional.pad(torch.tensor([1, 2]), [1, 2], "constant", 9).tolist()).toEqual([
      9, 1, 2, 9, 9,
    ]);
  });

  it("gelu, exact and by tanh", () => {
    const one = torch.tensor(1, { dtype: "float64" });
    expect(functional.gelu(one).item()).toBeCloseTo(0.8413447460685429, 14);
    expect(functional.gelu(one, { approximate: "tanh" }).item()).toBeCloseTo(
      0.8411919906082768,
      14,
    );
  });

  it("losses", () => {
    const [a, b] = [torch.tensor([1, 2]), torch.tensor([3, 5])];
    expect(functional.mseLoss(a, b).item()).toBe(6.5);
    expect(functional.l1Loss(a, b).item()).toBe(2.5);
    expect(functional.mseLoss(a, b, 0).tolist()).toEqual([4, 9]);
    const logits = torch.zeros([2, 4]);
    const classes = torch.tensor([0, 3], { dtype: "int64" });
    expect(functional.crossEntropy(logits, classes).item()).toBeCloseTo(Math.log(4), 6);
  });

  it("attention with a mask that hides keys", () => {
    const q = torch.zeros([1, 1, 1, 2]);
    const k = torch.zeros([1, 1, 3, 2]);
    const v = torch.tensor([
      [
        [
          [1, 0],
          [3, 0],
          [100, 0],
        ],
      ],
    ]);
    const attend = functional.scaledDotProductAttention;
    const mask = torch.tensor([[[[1, 1, 0]]]], { dtype: "bool" });
    expect(attend(q, k, v, { attnMask: mask }).tolist()).toEqual([[[[2, 0]]]]);
    const bias = torch.tensor([[[[0, -1 / 0, -1 / 0]]]]);
    expect(attend(q, k, v, { attnMask: bias }).tolist()).toEqual([[[[1, 0]]]]);
  });

  it("convolve in groups with strides", () => {
    const x = torch.arange(0, 16).reshape([1, 2, 2, 4]).float();
    const weight = torch.ones([2, 1, 1, 1]);
    const y = functional.conv2d(x, weight, torch.tensor([0, 1]), { stride: [2, 2], groups: 2 });
    expect(y.tolist()).toEqual([[[[0, 2]], [[9, 11]]]]);
  });
});

describe("linalgSolve", () => {
  const a = torch.keep(
    torch.tensor([
      [2, 1],
      [0, 4],
    ]),
  );
  const b = torch.keep(
    torch.tensor([
      [4, 8],
      [12, 16],
    ]),
  );

  it("divides from the left, or from the right", () => {
    expect(torch.linalgSolve(a, b).tolist()).toEqual([
      [0.5, 2],
      [3, 4],
    ]);
    expect(torch.linalgSolve(a, b, { left: false }).tolist()).toEqual([
      [2, 1.5],
      [6, 2.5],
    ]);
  });
});

describe("linalgSvd and linalgQr", () => {
  it("take a matrix apart into factors that make it again", () => {
    const x = torch.tensor([
      [3, 0],
      [4, 5],
    ]);
    const [u, s, vh] = torch.linalgSvd(x, false);
    const [large = 0, small = 0] = s.tolist() as number[];
    expect(large ** 2).toBeCloseTo(45, 4);
    expect(small ** 2).toBeCloseTo(5, 4);
    const [q, r] = torch.linalgQr(x);
    for (const product of [u.mul(s).mm(vh), q.mm(r)]) {
      expect(product.sub(x).norm().item()).toBeLessThan(1e-5);
    }
    expect(Math.abs(r.narrow(0, 1, 1).narrow(1, 0, 1).item())).toBeLessThan(1e-6);
  });
});

describe("linalgEigh and linalgEigvalsh", () => {
  it("take a symmetric matrix apart into eigenvalues, the least first, and directions", () => {
    const x = torch.tensor([
      [2, 1],
      [1, 2],
    ]);
    const [values, vectors] = torch.linalgEigh(x);
    for (const found of [values, torch.linalgEigvalsh(x)]) {
      const [least = 0, largest = 0] = found.tolist() as number[];
      expect(least).toBeCloseTo(1, 6);
      expect(largest).toBeCloseTo(3, 6);
    }
    expect(vectors.mul(values).mm(vectors.t()).sub(x).norm().item()).toBeLessThan(1e-5);
  });
});

describe("maxPool2d", () => {
  it("takes the largest number under a kernel, at a stride, of what is there at the edges", () => {
    const x = torch.arange(-9, 0).reshape([1, 1, 3, 3]).float();
    expect(functional.maxPool2d(x, 2, { stride: 1 }).flatten().tolist()).toEqual([-5, -4, -2, -1]);
    const padded = functional.maxPool2d(x, 3, { stride: 2, padding: 1 });
    expect(padded.flatten().tolist()).toEqual([-5, -4, -2, -1]);
  });
});

describe("unfold and fold", () => {
  it("lay the patches under a kernel side by side, and add them up again", () => {
    const x = torch.arange(0, 9).reshape([1, 1, 3, 3]).float();
    const patches = functional.unfold(x, 2, 1, 0, 1);
    expect(patches.tolist()).toEqual([
      [
        [0, 1, 3, 4],
        [1, 2, 4, 5],
        [3, 4, 6, 7],
        [4, 5, 7, 8],
      ],
    ]);
    expect(functional.fold(patches, [3, 3], 2, 1, 0, 1).tolist()).toEqual([
      [
        [
          [0, 2, 2],
          [6, 16, 10],
          [6, 14, 8],
        ],
      ],
    ]);
  });
});
