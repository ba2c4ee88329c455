import { beforeAll, describe, expect, it } from "vitest";
import { runPython } from "../../test/parity/python.ts";
import { InvalidValueError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import {
  Conv2d,
  construct,
  Embedding,
  GroupNorm,
  init,
  LayerNorm,
  Linear,
  type Module,
  RMSNorm,
} from "./index.ts";

interface Case {
  readonly name: string;
  /** The layer in PyTorch. */
  readonly python: string;
  readonly make: () => Module & { call(x: Tensor): Tensor };
  readonly shape: readonly number[];
  /** Draws the input from 0 to this number, instead of normal numbers. */
  readonly below?: number;
}

const cases: readonly Case[] = [
  {
    name: "Linear",
    python: "nn.Linear(5, 7)",
    make: () => new Linear(5, 7),
    shape: [3, 2, 5],
  },
  {
    name: "Linear without bias",
    python: "nn.Linear(16, 3, bias=False)",
    make: () => new Linear(16, 3, { bias: false }),
    shape: [4, 16],
  },
  {
    name: "Conv2d",
    python: "nn.Conv2d(4, 6, 3, stride=2, padding=1)",
    make: () => new Conv2d(4, 6, 3, { stride: 2, padding: 1 }),
    shape: [2, 4, 7, 6],
  },
  {
    name: "Conv2d in groups",
    python: "nn.Conv2d(4, 6, 1, groups=2, bias=False)",
    make: () => new Conv2d(4, 6, 1, { groups: 2, bias: false }),
    shape: [1, 4, 3, 3],
  },
  {
    name: "Embedding",
    python: "nn.Embedding(11, 6)",
    make: () => new Embedding(11, 6),
    shape: [2, 5],
    below: 11,
  },
  {
    name: "GroupNorm",
    python: "nn.GroupNorm(2, 6)",
    make: () => new GroupNorm(2, 6),
    shape: [3, 6, 4],
  },
  {
    name: "GroupNorm with another eps",
    python: "nn.GroupNorm(3, 6, eps=0.1)",
    make: () => new GroupNorm(3, 6, { eps: 0.1 }),
    shape: [2, 6, 2, 2],
  },
  {
    name: "LayerNorm",
    python: "nn.LayerNorm(8)",
    make: () => new LayerNorm(8),
    shape: [2, 3, 8],
  },
  {
    name: "LayerNorm without weights",
    python: "nn.LayerNorm(8, elementwise_affine=False, eps=1e-6)",
    make: () => new LayerNorm(8, { affine: false, eps: 1e-6 }),
    shape: [5, 8],
  },
  {
    name: "RMSNorm",
    python: "nn.RMSNorm(8, eps=1e-6)",
    make: () => new RMSNorm(8),
    shape: [2, 3, 8],
  },
];

const initializers = [
  { python: "nn.init.xavier_uniform_(w.view(w.shape[0], -1))", initialize: init.xavierUniform },
  { python: "nn.init.kaiming_uniform_(w, a=5 ** 0.5)", initialize: init.kaimingUniform },
  { python: "nn.init.normal_(w, std=0.02)", initialize: init.normal(0.02) },
  { python: "nn.init.uniform_(w, -0.3, 0.3)", initialize: init.uniform(0.3) },
  { python: "nn.init.constant_(w, 0.1)", initialize: init.constant(0.1) },
];
const initialized = [6, 4, 3, 3];

// Both sides draw the same numbers, so that none have to be sent.
const script = `
import json, sys
import torch
from torch import nn

def record(layer, case):
    found = {"initial": {k: v.tolist() for k, v in layer.state_dict().items()}}
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=g))
    below = case.get("below")
    x = torch.randn(case["shape"], generator=g) if below is None else torch.randint(0, below, case["shape"], generator=g)
    x.requires_grad_(below is None)
    y = layer(x)
    y.backward(torch.randn(y.shape, generator=g))
    found["output"] = y.tolist()
    found["gradients"] = {k: p.grad.tolist() for k, p in layer.named_parameters()}
    if below is None:
        found["gradients"]["input"] = x.grad.tolist()
    return found

request = json.load(sys.stdin)
layers = []
for case in request["cases"]:
    torch.manual_seed(7)
    layers.append(record(eval(case["python"]), case))
initial = []
for text in request["initializers"]:
    torch.manual_seed(8)
    w = torch.empty(request["shape"])
    eval(text)
    initial.append(w.tolist())
json.dump({"layers": layers, "initial": initial}, sys.stdout)
`;

interface Layer {
  readonly initial: Readonly<Record<string, torch.NestedNumbers>>;
  readonly output: torch.NestedNumbers;
  readonly gradients: Readonly<Record<string, torch.NestedNumbers>>;
}

let expected: { layers: Layer[]; initial: torch.NestedNumbers[] };
beforeAll(async () => {
  expected = (await runPython(script, {
    cases,
    initializers: initializers.map(({ python }) => python),
    shape: initialized,
  })) as typeof expected;
});

const values = (parameters: ReadonlyMap<string, Tensor>): Record<string, torch.NestedNumbers> =>
  Object.fromEntries([...parameters].map(([key, parameter]) => [key, parameter.tolist()]));

function expectClose(actual: Tensor | undefined, wanted: torch.NestedNumbers | undefined): void {
  if (actual === undefined || wanted === undefined) throw new Error("one of the two is missing");
  torch.tidy(() => {
    const reference = torch.tensor(wanted);
    expect(actual.shape).toEqual(reference.shape);
    const error = actual.detach().sub(reference).abs().amax().item();
    expect(error / reference.abs().amax().item()).toBeLessThanOrEqual(1e-6);
  });
}

describe.each(cases.map((entry, index) => ({ ...entry, index })))("$name", (entry) => {
  const { index, make, shape, below } = entry;

  it("starts with PyTorch's weights for the same seed, to the bit", () => {
    torch.manualSeed(7);
    const layer = make();
    expect(values(layer.stateDict())).toEqual(expected.layers[index]?.initial);
    layer.dispose();
  });

  it("has PyTorch's output and gradients", () => {
    const layer = make();
    torch.tidy(() => {
      const generator = torch.generator(1);
      torch.noGrad(() => {
        for (const parameter of layer.parameters()) {
          parameter.copy_(torch.randn(parameter.shape, { generator }));
        }
      });
      const x =
        below === undefined
          ? torch.randn(shape, { generator }).requiresGrad_()
          : torch.randint(0, below, shape, { generator });
      const y = layer.call(x);
      torch.backward(y, { gradients: [torch.randn(y.shape, { generator })] });
      const { output, gradients } = expected.layers[index] as Layer;
      expectClose(y, output);
      const found = new Map([...layer.namedParameters()].map(([key, p]) => [key, p.grad]));
      if (below === undefined) found.set("input", x.grad);
      expect([...found.keys()].toSorted()).toEqual(Object.keys(gradients).toSorted());
      for (const [key, gradient] of found) expectClose(gradient, gradients[key]);
    });
    layer.dispose();
  });
});

describe("init", () => {
  it.each(initializers.map((entry, index) => ({ ...entry, index })))(
    "is $python, to the bit",
    ({ initialize, index }) => {
      torch.manualSeed(8);
      const tensor = torch.empty(initialized);
      initialize(tensor);
      expect(tensor.tolist()).toEqual(expected.initial[index]);
    },
  );

  it("draws from the generator of construct()", () => {
    torch.manualSeed(7);
    const byDefault = new Linear(5, 7);
    const generator = torch.generator(7);
    torch.manualSeed(0);
    const own = construct({ generator }, () => new Linear(5, 7));
    expect(values(own.stateDict())).toEqual(values(byDefault.stateDict()));
  });

  it("leaves tensors without memory alone", () => {
    const generator = torch.generator(7);
    construct({ generator, device: "meta" }, () => new Linear(5, 7));
    const numbers = (from: torch.Generator): number[] =>
      Array.from(torch.rand([3], { generator: from }).toFloat32Array());
    expect(numbers(generator)).toEqual(numbers(torch.generator(7)));
  });
});

describe("GroupNorm", () => {
  it("refuses channels that do not divide", () => {
    expect(() => new GroupNorm(4, 6)).toThrow(
      new InvalidValueError("Expected channels divisible by 4 groups but received 6"),
    );
  });
});

describe("RMSNorm", () => {
  it("computes in float32 and answers in the dtype of its weight", () => {
    const norm = construct({ dtype: "bfloat16" }, () => new RMSNorm(2));
    const y = norm.call(torch.tensor([300, 400], { dtype: "bfloat16" }));
    expect(y.dtype).toBe("bfloat16");
    expect(y.tolist()).toEqual([0.84765625, 1.1328125]);
  });
});

describe("Conv2d", () => {
  it("says what does not fit", () => {
    const conv = new Conv2d(3, 4, 3);
    expect(() => conv.call(torch.zeros([1, 2, 8, 8]))).toThrow(
      /^pixart::conv2d\(input float32\(1, 2, 8, 8\), weight float32\(4, 3, 3, 3\)\): Given groups=1, .*3 channels, but got 2 channels/,
    );
  });
});
