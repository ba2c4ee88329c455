import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import * as torch from "../torch/index.ts";
import { construct } from "./construct.ts";
import { Linear } from "./linear.ts";
import { Module, ModuleList } from "./module.ts";
import { LayerNorm } from "./norm.ts";
import { loadQuantized, QuantizedLinear } from "./quantized-linear.ts";

const draw = (shape: number[], seed = 0): torch.Tensor =>
  torch.randn(shape, { generator: torch.generator(seed) });

/** The definition in float64: rows of both sides as integers, their sums, and both scales again. */
function expected(x: number[][], w: number[][], b: number[]): number[][] {
  const round = (row: number[]): { integers: number[]; scale: number } => {
    const scale = Math.max(...row.map(Math.abs)) / 127;
    return { integers: row.map((value) => (scale === 0 ? 0 : Math.round(value / scale))), scale };
  };
  const weights = w.map(round);
  return x.map(round).map((left) =>
    weights.map((right, o) => {
      const sum = left.integers.reduce((s, value, i) => s + value * (right.integers[i] ?? 0), 0);
      return sum * left.scale * right.scale + (b[o] ?? 0);
    }),
  );
}

/** Equal but for the rounding of float32. */
function expectEqual(found: number[][], wanted: number[][]): void {
  expect(found.map((row) => row.length)).toEqual(wanted.map((row) => row.length));
  for (const [i, row] of wanted.entries()) {
    for (const [o, value] of row.entries()) {
      const distance = Math.abs((found[i]?.[o] ?? Number.NaN) - value);
      expect(distance).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
    }
  }
}

describe("QuantizedLinear", () => {
  it("is the product of both sides' 8-bit integers, whose sums are exact", () => {
    // The second row dwarfs the first, the third is nothing: each has a scale of its own.
    const x = torch.tensor([
      [0.1, -0.2, 0.31, 0.05],
      [1000, -37, 512, 4],
      [0, 0, 0, 0],
    ]);
    const [w, b] = [draw([40, 4], 1), draw([40], 2)];
    const layer = new QuantizedLinear(w, b);
    expectEqual(
      layer.call(x).tolist() as number[][],
      expected(x.tolist() as number[][], w.tolist() as number[][], b.tolist() as number[]),
    );
  });

  it.each([1, 15, 37, 130])("rounds rows of %d numbers, the last of a vector too", (width) => {
    const [x, w, b] = [draw([5, width], 3), draw([7, width], 4), draw([7], 5)];
    const lists = [x, w].map((each) => each.tolist() as number[][]) as [number[][], number[][]];
    const found = new QuantizedLinear(w, b).call(x).tolist() as number[][];
    expectEqual(found, expected(...lists, b.tolist() as number[]));
  });

  it("is the same with libtorch's operators in place of ours, whatever the dtype", () => {
    const [x, layer] = [draw([5, 37], 3), new QuantizedLinear(draw([7, 37], 4), draw([7], 5))];
    const exact = layer.call(x);
    for (const dtype of ["float32", "bfloat16", "float16"] as const) {
      const rounded = x.to({ dtype });
      const wanted = layer.call(rounded).float();
      torch.setOwnKernels(false);
      try {
        expect(layer.call(rounded).float().sub(wanted).abs().amax().item()).toBeLessThan(2e-6);
      } finally {
        torch.setOwnKernels(true);
      }
      expect(wanted.sub(exact).norm().item() / exact.norm().item()).toBeLessThan(0.02);
    }
  });

  it("is within two hundredths of the floats' product, whatever the shapes and dtype", () => {
    const w = draw([96, 256], 1);
    const layer = new QuantizedLinear(w);
    for (const shape of [[256], [1, 256], [3, 5, 256]]) {
      const x = draw(shape, 2);
      const exact = torch.functional.linear(x, w);
      const distance = layer.call(x).sub(exact).norm().item() / exact.norm().item();
      expect(distance).toBeLessThan(0.02);
      expect(distance).toBeGreaterThan(0.002);
      for (const dtype of ["bfloat16", "float16", "float64"] as const) {
        const other = layer.call(x.to({ dtype }));
        expect([other.dtype, other.shape]).toEqual([dtype, exact.shape]);
        const off = other.float().sub(exact).norm().item() / exact.norm().item();
        expect(off).toBeLessThan(0.02);
      }
    }
  });

  it("leaves nothing behind but its result", () => {
    const layer = new QuantizedLinear(draw([8, 16]), draw([8]));
    const x = draw([2, 16]);
    collectGarbage();
    const before = torch.memory().tensors;
    const y = layer.call(x);
    expect(torch.memory().tensors).toBe(before + 1);
    y.dispose();
    layer.dispose();
    expect(torch.memory().tensors).toBe(before - 4);
  });

  it("does not hide what is no number", () => {
    const layer = new QuantizedLinear(draw([8, 16]));
    const x = torch.ones([2, 16]);
    x.select(0, 1).fill_(Number.NaN);
    expect(layer.call(x).isnan().all().item()).toBe(0);
    expect(layer.call(x).select(0, 1).isnan().all().item()).toBe(1);
  });

  it("refuses to pass over gradients", () => {
    const layer = new QuantizedLinear(draw([8, 16]));
    const x = draw([2, 16]).requiresGrad_();
    expect(() => layer.call(x)).toThrow(
      "Expected an input without gradients for QuantizedLinear but received one that requires them; call the model in torch.noGrad()",
    );
    expect(torch.noGrad(() => layer.call(x)).shape).toEqual([2, 8]);
  });

  it.each(["AVX512_CORE", "AVX2"])(
    "sums exactly on processors with no more than %s",
    async (isa) => {
      const file = fileURLToPath(new URL("./quantized-linear.ts", import.meta.url));
      const torchFile = fileURLToPath(new URL("../torch/index.ts", import.meta.url));
      // All integers are the largest, up or down: what overflows where two products are added in 16 bits.
      const rows = [-1, 1].map((sign) => Array.from({ length: 64 }, () => sign * 3));
      const mixed = draw([3, 64], 5).tolist() as number[][];
      const x = [...rows, ...mixed];
      const w = [...rows, ...(draw([4, 64], 6).tolist() as number[][])];
      const code = `
      import { QuantizedLinear } from ${JSON.stringify(file)};
      import { tensor } from ${JSON.stringify(torchFile)};
      const layer = new QuantizedLinear(tensor(${JSON.stringify(w)}));
      console.log(JSON.stringify(layer.call(tensor(${JSON.stringify(x)})).tolist()));`;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--import", "tsx", "--input-type=module", "-e", code],
        { env: { ...process.env, ONEDNN_MAX_CPU_ISA: isa } },
      );
      expectEqual(JSON.parse(stdout), expected(x, w, []));
    },
  );
});

class Block extends Module {
  static override readonly keys = { toOut: "to_out.0" };
  readonly norm: LayerNorm;
  readonly toOut: Linear;

  constructor() {
    super();
    this.norm = new LayerNorm(16);
    this.toOut = new Linear(16, 16);
  }

  override forward(x: torch.Tensor): torch.Tensor {
    return x.add(this.toOut.call(this.norm.call(x)));
  }
}

class Model extends Module {
  readonly blocks = new ModuleList([new Block(), new Block()]);
  readonly last = new Linear(16, 4, { bias: false });

  override forward(x: torch.Tensor): torch.Tensor {
    for (const block of this.blocks) x = block.call(x);
    return this.last.call(x);
  }
}

describe("loadQuantized", () => {
  const whole = (): Model => construct({ generator: torch.generator(3) }, () => new Model());
  const onMeta = (): Model => construct({ device: "meta" }, () => new Model());
  const quantized = (layers = /^blocks\./): Model => {
    const model = onMeta();
    loadQuantized(model, whole().stateDict(), layers);
    return model;
  };

  it("rounds the layers of the keys that match and loads the others as they are", () => {
    const model = quantized();
    expect(model.blocks.at(1).toOut).toBeInstanceOf(QuantizedLinear);
    expect(model.last).toBeInstanceOf(Linear);
    expect(model.last.weight.equal(whole().last.weight)).toBe(true);
    expect([...model.namedParameters().keys()]).toEqual([
      "blocks.0.norm.weight",
      "blocks.0.norm.bias",
      "blocks.1.norm.weight",
      "blocks.1.norm.bias",
      "last.weight",
    ]);
    const x = draw([5, 16], 4);
    const exact = whole().call(x);
    const distance = model.call(x).sub(exact).norm().item() / exact.norm().item();
    expect(distance).toBeLessThan(0.02);
    expect(distance).toBeGreaterThan(0);
  });

  it("reads one layer at a time", () => {
    const state = whole().stateDict();
    collectGarbage();
    let most = 0;
    const start = torch.memory().tensors;
    const read: string[] = [];
    const model = onMeta();
    loadQuantized(
      model,
      {
        keys: () => state.keys(),
        shape: (key) => state.get(key)?.shape ?? [],
        tensor: (key) => {
          read.push(key);
          most = Math.max(most, torch.memory().tensors - start);
          return (state.get(key) ?? torch.zeros([])).clone();
        },
      },
      /./,
    );
    expect(read.toSorted()).toEqual([...state.keys()].toSorted());
    // 9 parameters of the model, of which 5 are in layers that keep 3 tensors and perhaps a bias, and one layer's own.
    expect(most).toBeLessThan(24);
    expect(model.parameters().some(({ requiresGrad }) => requiresGrad)).toBe(false);
  });

  it("refuses weights that do not fit before it changes anything", () => {
    const model = onMeta();
    const state = new Map(whole().stateDict());
    state.delete("blocks.0.to_out.0.bias");
    expect(() => loadQuantized(model, state, /./)).toThrow(
      "The weights do not fit Model; nothing was loaded.\n  missing (1):\n    blocks.0.to_out.0.bias",
    );
    expect(model.last).toBeInstanceOf(Linear);
  });

  it("gives models that can be neither saved nor moved", () => {
    const model = quantized();
    const tail =
      "but received one with 8-bit weights in blocks.0.to_out.0; load it again without quantize";
    const head = "Expected Model with the weights that it was loaded from for";
    expect(() => model.stateDict()).toThrow(`${head} stateDict() ${tail}`);
    expect(() => model.to({ dtype: "bfloat16" })).toThrow(`${head} to() ${tail}`);
  });
});
