import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { Conv2d, construct, init, LayerAdapters, Linear, type ProductLayer } from "./index.ts";

/** Adds a learnt number to the layer's output. */
class Shift extends LayerAdapters {
  isActive = true;
  readonly shift: Tensor = this.buffer(torch.full([1], 2)).requiresGrad_();

  override forward(x: Tensor, layer: ProductLayer): Tensor {
    return layer.product(x, layer.weight, layer.bias).mul(1).add(this.shift);
  }
}

beforeEach(collectGarbage);

const layers: [string, () => ProductLayer, number[]][] = [
  ["Linear", () => new Linear(3, 2), [1, 3]],
  ["Conv2d", () => new Conv2d(3, 2, 2, { stride: 2 }), [1, 3, 4, 4]],
];

describe.each(layers)("adapters of a %s", (_, make, shape) => {
  it("compute in its place while they are active, and leave nothing behind", () => {
    const layer = make();
    const x = torch.ones(shape);
    const own = layer.call(x);
    const shift = new Shift();
    layer.adapters = shift;
    const before = torch.memory().tensors;
    const adapted = layer.call(x);
    expect(torch.memory().tensors).toBe(before + 1);
    expect(torch.tidy(() => adapted.sub(own).sub(2).abs().amax()).item()).toBeLessThan(1e-6);
    shift.isActive = false;
    expect(torch.tidy(() => layer.call(x).equal(own))).toBe(true);
  });

  it("have no names and no keys", () => {
    const layer = make();
    layer.adapters = new Shift();
    expect([...layer.namedModules("a.b")]).toEqual([["a.b", layer]]);
    expect([...layer.stateDict().keys()]).toEqual(["weight", "bias"]);
  });

  it("follow it to another device and dtype, train on, and end with it", () => {
    const layer = make();
    const shift = new Shift();
    layer.adapters = shift;
    layer.to({ dtype: "bfloat16" });
    expect([shift.shift.dtype, shift.shift.requiresGrad]).toEqual(["bfloat16", true]);
    layer.dispose();
    expect(shift.shift.isDisposed).toBe(true);
  });
});

describe("product", () => {
  it("takes another weight, with the layer's own stride, padding and groups", () => {
    const layer = construct(
      { generator: torch.generator(0) },
      () => new Conv2d(4, 4, 3, { groups: 2, padding: 1, stride: 2 }),
    );
    const weight = torch.empty([6, 2, 3, 3]);
    init.ones(weight);
    expect(layer.groups).toBe(2);
    expect(layer.product(torch.ones([1, 4, 4, 4]), weight).tolist()).toEqual([
      Array.from({ length: 6 }, () => [
        [8, 12],
        [12, 18],
      ]),
    ]);
  });
});
