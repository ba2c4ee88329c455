import { describe, expect, it } from "vitest";
import * as torch from "./index.ts";
import { functional as F } from "./index.ts";

// Each fused operator against the composition that it stands for, computed in float64.

type Inputs = readonly torch.Tensor[];
type Compute = (...inputs: torch.Tensor[]) => torch.Tensor;

type Two = [torch.Tensor, torch.Tensor];
type Three = [torch.Tensor, torch.Tensor, torch.Tensor];

interface Fused {
  readonly name: string;
  readonly fused: Compute;
  readonly plain: Compute;
  readonly shapes: (size: Size) => readonly (readonly number[])[];
}

interface Size {
  readonly batch: number;
  readonly tokens: number;
  readonly width: number;
}

const EPS = 1e-6;
const tokens = ({ batch, tokens, width }: Size): number[] => [batch, tokens, width];
const row = ({ batch, width }: Size): number[] => [batch, 1, width];

/** Two where channels allow it. */
const groupsOf = (x: torch.Tensor): number => (x.size(1) % 2 === 0 ? 2 : 1);

const operators: readonly Fused[] = [
  {
    name: "modulatedNorm",
    fused: (x, shift, scale) => F.modulatedNorm(x, shift, scale, { eps: EPS }),
    plain: (x, shift, scale) =>
      F.layerNorm(x, [x.size(-1)], undefined, undefined, { eps: EPS })
        .mul(scale.add(1))
        .add(shift),
    shapes: (size) => [tokens(size), row(size), row(size)],
  },
  {
    name: "gatedResidual",
    fused: (x, gate, z) => F.gatedResidual(x, gate, z),
    plain: (x, gate, z) => x.add(gate.mul(z)),
    shapes: (size) => [tokens(size), row(size), tokens(size)],
  },
  {
    name: "gelu",
    fused: (x) => F.gelu(x, { approximate: "tanh" }),
    plain: (x) =>
      x
        .pow(3)
        .mul(0.044715)
        .add(x)
        .mul(Math.sqrt(2 / Math.PI))
        .tanh()
        .add(1)
        .mul(x)
        .mul(0.5),
    shapes: (size) => [tokens(size)],
  },
  {
    name: "rmsNorm",
    fused: (x, weight) => F.rmsNorm(x, weight, { eps: EPS }),
    plain: (x, weight) => x.mul(x.square().mean([-1], true).add(EPS).rsqrt()).mul(weight),
    shapes: (size) => [tokens(size), [size.width]],
  },
  {
    name: "groupNormSilu",
    fused: (x, ...affine) => F.groupNormSilu(x, groupsOf(x), ...(affine as Two), { eps: EPS }),
    plain: (x, ...affine) => F.silu(F.groupNorm(x, groupsOf(x), ...(affine as Two), { eps: EPS })),
    shapes: ({ batch, tokens: channels, width }) => [
      [batch, channels, width],
      [channels],
      [channels],
    ],
  },
  {
    name: "linear",
    fused: (x, weight, bias) => F.linear(x, weight, bias),
    plain: (x, weight, bias) => x.matmul(weight.t()).add(bias),
    shapes: (size) => [tokens(size), [size.width + 3, size.width], [size.width + 3]],
  },
];

const sizes: readonly Size[] = [
  { batch: 2, tokens: 70, width: 72 },
  { batch: 1, tokens: 3, width: 1152 },
  { batch: 3, tokens: 33, width: 17 }, // one vector and one number
  { batch: 1, tokens: 40, width: 1000 }, // more than one piece of work
  { batch: 2, tokens: 5, width: 1 },
];

const cases = operators.flatMap((operator) =>
  sizes.map((size) => ({
    ...operator,
    size,
    label: `${operator.name} of ${size.batch} x ${size.tokens} x ${size.width}`,
  })),
);

function draw(shapes: readonly (readonly number[])[], dtype: torch.DType): torch.Tensor[] {
  const generator = torch.generator(7);
  return shapes.map((shape, i) =>
    torch
      .randn(shape, { generator })
      .mul(1.5)
      .add(i === 0 ? 0.3 : 0)
      .to({ dtype }),
  );
}

const wide = (inputs: Inputs): torch.Tensor[] =>
  inputs.map((input) => input.to({ dtype: "float64" }));

/** The largest difference over the largest value. */
const error = (actual: torch.Tensor, expected: torch.Tensor): number =>
  torch.noGrad(() =>
    torch.tidy(() => {
      const difference = actual.to({ dtype: "float64" }).sub(expected).abs().amax().item();
      return difference / Math.max(expected.abs().amax().item(), 1e-3);
    }),
  );

/** Results and gradients of a weighted sum of them. */
function derive(compute: Compute, inputs: Inputs): { y: torch.Tensor; grads: torch.Tensor[] } {
  const leaves = inputs.map((input) => input.detach().clone().requiresGrad_());
  const y = compute(...leaves);
  const weights = torch
    .arange(
      0,
      y.shape.reduce((a, b) => a * b, 1),
    )
    .reshape(y.shape)
    .mul(0.37)
    .sin()
    .to({ dtype: y.dtype });
  return { y, grads: torch.grad(y.mul(weights).sum(), leaves) as torch.Tensor[] };
}

/** Gradients of the squares of {@link derive}'s gradients. */
function deriveTwice(compute: Compute, inputs: Inputs): torch.Tensor[] {
  const leaves = inputs.map((input) => input.detach().clone().requiresGrad_());
  const y = compute(...leaves);
  const firsts = torch.grad(y.mul(y).sum(), leaves, { createGraph: true }) as torch.Tensor[];
  const sum = firsts.reduce<torch.Tensor>(
    (all, grad) => all.add(grad.square().sum()),
    torch.tensor(0, { dtype: y.dtype }),
  );
  return torch.grad(sum, leaves) as torch.Tensor[];
}

describe("fused operators", () => {
  it.each(cases)("$label: float32 and its gradients", ({ fused, plain, shapes, size }) => {
    torch.tidy(() => {
      const inputs = draw(shapes(size), "float32");
      const expected = derive(plain, wide(inputs));
      expect(
        error(
          torch.noGrad(() => fused(...inputs)),
          expected.y,
        ),
      ).toBeLessThan(1e-6);
      const actual = derive(fused, inputs);
      expect(error(actual.y, expected.y)).toBeLessThan(1e-6);
      expect(actual.grads.length).toBe(inputs.length);
      for (const [i, grad] of actual.grads.entries()) {
        const exact = expected.grads[i];
        if (exact === undefined) throw new Error("a gradient is missing");
        expect(grad.shape).toEqual(exact.shape);
        // In rows of one number all that a norm leaves is rounding.
        if (size.width > 1) expect(error(grad, exact)).toBeLessThan(1e-5);
      }
    });
  });

  it.each(cases)("$label: bfloat16", ({ fused, plain, shapes, size }) => {
    torch.tidy(() => {
      const inputs = draw(shapes(size), "bfloat16");
      const expected = derive(plain, wide(inputs));
      const actual = derive(fused, inputs);
      expect(actual.y.dtype).toBe("bfloat16");
      // Rounded once at the end, and so at most by half a step.
      expect(
        error(
          torch.noGrad(() => fused(...inputs)),
          expected.y,
        ),
      ).toBeLessThan(2 ** -8);
      for (const [i, grad] of actual.grads.entries()) {
        expect(grad.dtype).toBe("bfloat16");
        if (size.width > 1)
          expect(error(grad, expected.grads[i] as torch.Tensor)).toBeLessThan(0.04);
      }
    });
  });

  const ofTwoTypes = operators.filter(
    ({ name }) => !["gelu", "groupNormSilu", "linear"].includes(name),
  );
  it.each(ofTwoTypes)("$name takes numbers of two types", ({ fused, plain, shapes }) => {
    torch.tidy(() => {
      const [first, ...rest] = draw(shapes(sizes[0] as Size), "bfloat16") as [
        torch.Tensor,
        ...torch.Tensor[],
      ];
      const inputs = [first, ...rest.map((input) => input.float())];
      const actual = derive(fused, inputs);
      expect(actual.y.dtype).toBe("float32");
      const expected = derive(plain, wide(inputs));
      // The composition may round between its steps.
      expect(error(actual.y, expected.y)).toBeLessThan(2 ** -8);
      expect(actual.grads.map(({ dtype }) => dtype)).toEqual(inputs.map(({ dtype }) => dtype));
      for (const [i, grad] of actual.grads.entries()) {
        expect(error(grad, expected.grads[i] as torch.Tensor)).toBeLessThan(0.04);
      }
    });
  });

  it.each(operators.slice(0, 2))(
    "$name reads tokens in any order in memory",
    ({ fused, plain, shapes }) => {
      torch.tidy(() => {
        const inputs = draw(shapes(sizes[0] as Size), "float32").map((input) =>
          input.transpose(1, 2).contiguous().transpose(1, 2),
        );
        const [actual, expected] = [derive(fused, inputs), derive(plain, wide(inputs))];
        expect(error(actual.y, expected.y)).toBeLessThan(1e-6);
        for (const [i, grad] of actual.grads.entries()) {
          expect(error(grad, expected.grads[i] as torch.Tensor)).toBeLessThan(1e-5);
        }
      });
    },
  );

  it.each(operators.slice(0, 2))("$name spreads one row over a batch", ({ fused, plain }) => {
    torch.tidy(() => {
      const [x, a, b] = draw(
        [[3, 5, 8], [1, 1, 8], fused === operators[0]?.fused ? [1, 1, 8] : [3, 5, 8]],
        "float32",
      );
      const inputs = [x, a, b] as torch.Tensor[];
      const [actual, expected] = [derive(fused, inputs), derive(plain, wide(inputs))];
      expect(error(actual.y, expected.y)).toBeLessThan(1e-6);
      for (const [i, grad] of actual.grads.entries()) {
        expect(error(grad, expected.grads[i] as torch.Tensor)).toBeLessThan(1e-5);
      }
    });
  });

  it.each(operators)("$name has second derivatives of every input", ({ fused, plain, shapes }) => {
    torch.tidy(() => {
      const inputs = draw(shapes({ batch: 2, tokens: 3, width: 4 }), "float32");
      const [actual, expected] = [deriveTwice(fused, inputs), deriveTwice(plain, wide(inputs))];
      for (const [i, grad] of actual.entries()) {
        expect(error(grad, expected[i] as torch.Tensor)).toBeLessThan(1e-4);
      }
    });
  });

  it.each(operators)("$name derives each input alone", ({ fused, plain, shapes }) => {
    torch.tidy(() => {
      const inputs = draw(shapes(sizes[0] as Size), "float32");
      for (const i of inputs.keys()) {
        const alone =
          (compute: Compute, given: Inputs): Compute =>
          (input) =>
            compute(...given.with(i, input as torch.Tensor));
        const one = [inputs[i] as torch.Tensor];
        const twice = [
          deriveTwice(alone(fused, inputs), one)[0],
          deriveTwice(alone(plain, wide(inputs)), wide(one))[0],
        ] as const;
        expect(error(twice[0] as torch.Tensor, twice[1] as torch.Tensor)).toBeLessThan(1e-4);
        // A sum's gradient is one number, spread over all.
        const sums = [one, wide(one)].map(([input], k) => {
          const leaf = (input as torch.Tensor).detach().clone().requiresGrad_();
          const y = k === 0 ? alone(fused, inputs)(leaf) : alone(plain, wide(inputs))(leaf);
          return torch.grad(y.sum(), [leaf])[0] as torch.Tensor;
        });
        const scale = Math.max(1, (inputs[i] as torch.Tensor).shape[0] ?? 1);
        const [actual, expected] = sums as [torch.Tensor, torch.Tensor];
        const off = torch.noGrad(() => actual.to({ dtype: "float64" }).sub(expected).abs().amax());
        expect(off.item() / scale).toBeLessThan(1e-4);
      }
    });
  });

  it("derives an input that is given twice", () => {
    torch.tidy(() => {
      const inputs = draw(
        [
          [2, 3, 4],
          [2, 1, 4],
        ],
        "float32",
      );
      for (const order of [derive, (c: Compute, i: Inputs) => ({ grads: deriveTwice(c, i) })]) {
        const fused = order(
          (x, c) =>
            F.modulatedNorm(x as torch.Tensor, c as torch.Tensor, c as torch.Tensor, { eps: EPS }),
          inputs,
        );
        const norm = operators[0] as Fused;
        const plain = order(
          (x, c) => norm.plain(x as torch.Tensor, c as torch.Tensor, c as torch.Tensor),
          wide(inputs),
        );
        for (const [i, grad] of fused.grads.entries()) {
          expect(error(grad, plain.grads[i] as torch.Tensor)).toBeLessThan(1e-4);
        }
      }
    });
  });

  const large: Size = { batch: 64, tokens: 70, width: 40 };
  const onAnyThreads: readonly Pick<Fused, "name" | "fused" | "shapes">[] = [
    ...operators.filter(({ name }) => name !== "linear"),
    {
      name: "attention",
      fused: (q, k, v) => F.attention(q, k, v, { heads: 5 }),
      shapes: () => [1, 2, 3].map(() => [1, 200, 40]),
    },
    {
      name: "conv2d",
      fused: (x, weight, bias) => F.conv2d(x, weight, bias, { padding: 1 }),
      shapes: () => [[2, 32, 50, 70], [33, 32, 3, 3], [33]],
    },
  ];
  it.each(onAnyThreads)(
    "$name gives equal bits with any number of threads",
    ({ name, fused, shapes }) => {
      const { threads } = torch.engineInfo();
      // With gradients the others are libtorch's.
      const isOurs = ["modulatedNorm", "gatedResidual", "gelu"].includes(name);
      torch.tidy(() => {
        const inputs = draw(shapes(large), "float32");
        const compute = (): torch.Tensor[] => {
          if (!isOurs) return [torch.noGrad(() => fused(...inputs))];
          const { y, grads } = derive(fused, inputs);
          return [torch.noGrad(() => fused(...inputs)), y, ...grads];
        };
        try {
          const bits = [1, 2, 3].map((count) => {
            torch.setThreads(count);
            return compute().map((tensor) => tensor.detach().toFloat32Array());
          });
          expect(bits[1]).toEqual(bits[0]);
          expect(bits[2]).toEqual(bits[0]);
        } finally {
          torch.setThreads(threads);
        }
      });
    },
  );

  it("gives what its definition gives at the ends of float32", () => {
    const [gelu, silu] = torch.tidy(() => {
      const x = torch.tensor([[[-1e18, -1e15, -200, 0, 200, 1e15, Number.NaN]]]);
      const leaf = x.clone().requiresGrad_();
      const y = F.gelu(leaf, { approximate: "tanh" });
      const [grad] = torch.grad(y.sum(), [leaf]);
      const channel = torch.zeros([1, 4, 1, 1]);
      const norm = F.groupNormSilu(
        channel,
        4,
        torch.ones([4]),
        torch.tensor([-1e30, -200, 200, 1e30]),
        { eps: EPS },
      );
      return [
        [...y.detach().toFloat32Array(), ...(grad as torch.Tensor).toFloat32Array()],
        norm.toFloat32Array(),
      ];
    });
    const zero = expect.toSatisfy((value: number) => value === 0);
    expect(gelu?.slice(0, 6)).toEqual([zero, zero, zero, zero, 200, Math.fround(1e15)]);
    expect(gelu?.slice(7, 13)).toEqual([zero, zero, zero, 0.5, 1, 1]);
    expect(gelu?.[6]).toBeNaN();
    expect([...(silu ?? [])]).toEqual([zero, zero, 200, Math.fround(1e30)]);
  });

  it("is libtorch's composition to the bit where that is asked for", () => {
    torch.tidy(() => {
      const [x, shift, scale] = draw(
        [
          [2, 70, 72],
          [2, 1, 72],
          [2, 1, 72],
        ],
        "float32",
      ) as Three;
      const compose = () =>
        F.layerNorm(x, [72], undefined, undefined, { eps: EPS }).mul(scale.add(1)).add(shift);
      const compute = () => F.modulatedNorm(x, shift, scale, { eps: EPS });
      torch.setOwnKernels(false);
      try {
        expect(compute().equal(compose())).toBe(true);
      } finally {
        torch.setOwnKernels(true);
      }
      expect(compute().equal(compose())).toBe(false);
    });
  });

  it("refuses shapes as the composition does", () => {
    torch.tidy(() => {
      const [x, row] = [torch.zeros([2, 3, 4]), torch.zeros([2, 1, 5])];
      expect(() => F.modulatedNorm(x, row, row, { eps: EPS })).toThrow(/must match the size/);
      expect(() => F.gatedResidual(x, row, x)).toThrow(/must match the size/);
      expect(() => F.linear(x, torch.zeros([3, 5]))).toThrow(
        /cannot be multiplied \(6x4 and 5x3\)/,
      );
      expect(() => F.groupNormSilu(x, 2, torch.ones([3]), torch.ones([3]), { eps: EPS })).toThrow(
        /divisible by num_groups/,
      );
    });
  });

  describe("attention", () => {
    const exact = (
      q: torch.Tensor,
      k: torch.Tensor,
      v: torch.Tensor,
      heads: number,
      mask?: torch.Tensor,
    ) => {
      const split = (x: torch.Tensor) =>
        x.reshape([x.size(0), x.size(1), heads, -1]).transpose(1, 2);
      const logits = split(q)
        .matmul(split(k).transpose(2, 3))
        .div(Math.sqrt(q.size(2) / heads));
      const weights = (mask === undefined ? logits : logits.add(mask)).softmax(-1);
      return weights.matmul(split(v)).transpose(1, 2).flatten(2, 3);
    };
    // What is computed in blocks of 48 queries and 256 keys, and what libtorch computes.
    const lengths = [
      { heads: 3, queries: 150, keys: 150, width: 8 },
      { heads: 2, queries: 49, keys: 300, width: 72 },
      { heads: 16, queries: 256, keys: 256, width: 72 },
      { heads: 2, queries: 1, keys: 1030, width: 128 },
      { heads: 2, queries: 50, keys: 2100, width: 72 }, // the fewest keys with AVX2 are 2,048
      { heads: 1, queries: 2, keys: 2048, width: 17 },
      { heads: 1, queries: 130, keys: 128, width: 17 },
      { heads: 1, queries: 130, keys: 128, width: 200 },
      { heads: 4, queries: 16, keys: 16, width: 64 },
    ];
    const drawn = ({ heads, queries, keys, width }: (typeof lengths)[number], dtype: torch.DType) =>
      draw(
        [queries, keys, keys].map((count) => [2, count, heads * width]),
        dtype,
      ) as Three;

    it.each(lengths)("$queries queries, $keys keys, $heads heads of $width", (size) => {
      torch.tidy(() => {
        const [q, k, v] = drawn(size, "float32");
        const [wideQ, wideK, wideV] = wide([q, k, v]) as Three;
        const expected = exact(wideQ, wideK, wideV, size.heads);
        const actual = torch.noGrad(() => F.attention(q, k, v, { heads: size.heads }));
        expect(actual.shape).toEqual(q.shape);
        expect(error(actual, expected)).toBeLessThan(3e-6);
        const scale = 1 / Math.sqrt(size.width);
        const scaled = torch.noGrad(() => F.attention(q, k, v, { heads: size.heads, scale }));
        expect(error(scaled, expected)).toBeLessThan(3e-6);
      });
    });

    it.each(lengths)(
      "has gradients: $queries queries, $keys keys, $heads heads of $width",
      (size) => {
        torch.tidy(() => {
          const exactly = ["float32", 1e-5] as const;
          const roughly = ["bfloat16", 0.04] as const;
          // Where ATen is told of less than the processor has, its longer bfloat16 attention fails.
          for (const [dtype, most] of size.queries < 128 ? [exactly, roughly] : [exactly]) {
            const inputs = drawn(size, dtype);
            const expected = derive((...qkv) => exact(...(qkv as Three), size.heads), wide(inputs));
            const actual = derive(
              (...qkv) => F.attention(...(qkv as Three), { heads: size.heads }),
              inputs,
            );
            expect(error(actual.y, expected.y)).toBeLessThan(most);
            for (const [i, grad] of actual.grads.entries()) {
              expect(grad.dtype).toBe(dtype);
              expect(error(grad, expected.grads[i] as torch.Tensor)).toBeLessThan(most);
            }
          }
        });
      },
    );

    it("reads tokens that lie apart, and logits of any size", () => {
      torch.tidy(() => {
        const all = draw([[1, 200, 3 * 32]], "float32")[0] as torch.Tensor;
        const [q, k, v] = all.mul(10).chunk(3, 2) as Three;
        const expected = exact(...(wide([q, k, v]) as Three), 2);
        const actual = torch.noGrad(() => F.attention(q, k, v, { heads: 2 }));
        expect(error(actual, expected)).toBeLessThan(1e-4); // float32 logits of 1,000
      });
    });

    it("adds a mask, in training in bfloat16 too", () => {
      torch.tidy(() => {
        const [q, k, v] = drawn({ heads: 2, queries: 16, keys: 16, width: 8 }, "bfloat16");
        const mask = torch.zeros([1, 1, 1, 16], { dtype: "bfloat16" });
        mask.narrow(3, 10, 6).fill_(-10_000);
        const seen = (x: torch.Tensor) => x.narrow(1, 0, 10);
        const expected = exact(...(wide([q, seen(k), seen(v)]) as Three), 2);
        const trained = F.attention(q.clone().requiresGrad_(), k, v, { mask, heads: 2 });
        expect(error(trained, expected)).toBeLessThan(0.02);
        expect(
          error(
            torch.noGrad(() => F.attention(q, k, v, { mask, heads: 2 })),
            expected,
          ),
        ).toBeLessThan(0.02);
      });
    });

    it("refuses widths that heads don't divide", () => {
      const x = torch.zeros([1, 2, 10]);
      expect(() => F.attention(x, x, x, { heads: 3 })).toThrow(
        "Expected a width divisible by 3 heads but received 10",
      );
    });
  });

  describe("conv2d", () => {
    // Of 3 x 3, and those that are left to libtorch: few channels, strides, no padding.
    const layers = [
      { inputs: 32, outputs: 40, height: 71, width: 33, options: { padding: 1 } },
      { inputs: 33, outputs: 32, height: 64, width: 64, options: { padding: 1 } },
      { inputs: 48, outputs: 64, height: 1, width: 1, options: { padding: 1 } },
      { inputs: 32, outputs: 32, height: 70, width: 130, options: { padding: 1 } },
      { inputs: 32, outputs: 32, height: 1, width: 2401, options: { padding: 1 } },
      { inputs: 4, outputs: 32, height: 50, width: 50, options: { padding: 1 } },
      { inputs: 32, outputs: 32, height: 8, width: 9, options: { padding: 1 } },
      { inputs: 32, outputs: 32, height: 8, width: 9, options: {} },
      { inputs: 32, outputs: 32, height: 8, width: 9, options: { padding: 1, stride: 2 } },
    ];

    it.each(layers)("$inputs to $outputs channels, $height x $width, $options", (layer) => {
      const { inputs, outputs, height, width, options } = layer;
      torch.tidy(() => {
        const shapes = [[2, inputs, height, width], [outputs, inputs, 3, 3], [outputs]];
        const [x, weight, bias] = draw(shapes, "float32") as Three;
        const [wideX, wideWeight, wideBias] = wide([x, weight, bias]) as Three;
        const expected = F.conv2d(wideX, wideWeight, wideBias, options);
        const actual = torch.noGrad(() => F.conv2d(x, weight, bias, options));
        expect(actual.shape).toEqual(expected.shape);
        expect(error(actual, expected)).toBeLessThan(3e-6);
        const bare = torch.noGrad(() => F.conv2d(x, weight, undefined, options));
        const added = torch.noGrad(() => bare.add(bias.reshape([-1, 1, 1])));
        expect(error(added, expected)).toBeLessThan(3e-6);
        expect(F.conv2d(x, weight.requiresGrad_(), bias, options).requiresGrad).toBe(true);
      });
    });
  });
});
