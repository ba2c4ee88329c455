import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { runPython } from "../../test/parity/python.ts";
import { IncompatibleError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { AdamW, type AdamWOptions, lrFactor, type ParameterGroup } from "./index.ts";

interface Setting {
  readonly name: string;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** Of the second group, which holds `norm` alone. */
  readonly second: { readonly lrScale?: number; readonly weightDecay?: number };
}

const shapes: Readonly<Record<string, readonly number[]>> = {
  weight: [7, 5],
  bias: [7],
  norm: [17],
};
const steps = 20;
const peak = 3e-2;
const rates = Array.from(
  { length: steps },
  (_, step) => peak * lrFactor({ type: "cosine", warmupSteps: 4 }, step, steps),
);

const settings: readonly Setting[] = [
  {
    name: "the usual settings",
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0.03,
    second: {},
  },
  {
    name: "a second group with a rate and a decay of its own",
    betas: [0.8, 0.95],
    eps: 1e-6,
    weightDecay: 0.1,
    second: { lrScale: 0.1, weightDecay: 0 },
  },
];

// Gradients are drawn on both sides, anew at each step; every fifth step `bias` has none.
const script = `
import json, sys
import torch

request = json.load(sys.stdin)
answers = []
for s in request["settings"]:
    g = torch.Generator().manual_seed(1)
    p = {k: torch.nn.Parameter(torch.randn(shape, generator=g)) for k, shape in request["shapes"].items()}
    second = s["second"]
    groups = [
        {"params": [p["weight"], p["bias"]]},
        {"params": [p["norm"]], "weight_decay": second.get("weightDecay", s["weightDecay"])},
    ]
    adamw = torch.optim.AdamW(groups, betas=s["betas"], eps=s["eps"], weight_decay=s["weightDecay"], fused=True)
    for step, lr in enumerate(request["rates"]):
        adamw.param_groups[0]["lr"] = lr
        adamw.param_groups[1]["lr"] = lr * second.get("lrScale", 1)
        for k, each in p.items():
            gradient = torch.randn(each.shape, generator=g)
            each.grad = None if k == "bias" and step % 5 == 4 else gradient
        adamw.step()
    state = {}
    for k, each in p.items():
        for name in ("exp_avg", "exp_avg_sq", "step"):
            state[f"{name}.{k}"] = adamw.state[each][name].tolist()
    answers.append({"parameters": {k: each.tolist() for k, each in p.items()}, "state": state})
json.dump(answers, sys.stdout)
`;

interface Answer {
  readonly parameters: Readonly<Record<string, torch.NestedNumbers>>;
  readonly state: Readonly<Record<string, torch.NestedNumbers>>;
}

let expected: Answer[];
beforeAll(async () => {
  expected = (await runPython(script, { settings, shapes, rates })) as Answer[];
});

const values = (state: ReadonlyMap<string, Tensor>): Record<string, torch.NestedNumbers> =>
  Object.fromEntries([...state].map(([key, tensor]) => [key, tensor.tolist()]));

/** The script on this side. */
class Run {
  readonly parameters: Map<string, Tensor>;
  readonly #generator: torch.Generator = torch.generator(1);

  constructor() {
    this.parameters = new Map(
      Object.entries(shapes).map(([key, shape]) => [
        key,
        torch.keep(torch.randn(shape, { generator: this.#generator })).requiresGrad_(),
      ]),
    );
  }

  optimizer({ betas, eps, weightDecay, second }: Setting): AdamW {
    const part = (...names: string[]): ReadonlyMap<string, Tensor> =>
      new Map([...this.parameters].filter(([name]) => names.includes(name)));
    return new AdamW(
      [{ parameters: part("weight", "bias") }, { parameters: part("norm"), ...second }],
      { betas, eps, weightDecay },
    );
  }

  /** With gradients of a part of their size, which count so many times. */
  step(optimizer: AdamW, step: number, part = 1): void {
    torch.tidy(() => {
      for (const [key, parameter] of this.parameters) {
        const gradient = torch.randn(parameter.shape, { generator: this.#generator });
        parameter.grad = key === "bias" && step % 5 === 4 ? undefined : gradient.div(part);
      }
      optimizer.step(rates[step] ?? Number.NaN, part);
    });
  }
}

/** One parameter of the numbers 1 and −2 with the gradient of its squares' sum. */
function small(options?: AdamWOptions, group?: Partial<ParameterGroup>): [Tensor, AdamW] {
  const parameter = torch.keep(torch.tensor([1, -2])).requiresGrad_();
  const optimizer = new AdamW([{ parameters: new Map([["w", parameter]]), ...group }], options);
  torch.backward(parameter.square().sum());
  return [parameter, optimizer];
}

describe("AdamW", () => {
  it.each(settings.map((setting, index) => ({ setting, index, name: setting.name })))(
    "is torch.optim.AdamW(fused=True) over 20 steps, to the bit with libtorch's kernels: $name",
    ({ setting, index }) => {
      const run = new Run();
      const optimizer = run.optimizer(setting);
      try {
        torch.setOwnKernels(false);
        for (let step = 0; step < steps; step++) run.step(optimizer, step);
      } finally {
        torch.setOwnKernels(true);
      }
      expect(values(run.parameters)).toEqual(expected[index]?.parameters);
      const state = values(optimizer.stateDict());
      expect(state).toEqual(expected[index]?.state);
      expect([state["step.weight"], state["step.bias"]]).toEqual([20, 16]);
    },
  );

  it("is that over 20 steps up to rounding, with gradients scaled on the way", () => {
    const setting = settings[1] as Setting;
    const [run, scaled] = [new Run(), new Run()];
    const [optimizer, other] = [run.optimizer(setting), scaled.optimizer(setting)];
    for (let step = 0; step < steps; step++) {
      run.step(optimizer, step);
      scaled.step(other, step, 8);
    }
    for (const { parameters } of [run, scaled]) {
      for (const [key, parameter] of parameters) {
        const theirs = [expected[1]?.parameters[key]].flat(3) as number[];
        const worst = parameter
          .toFloat32Array()
          .map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN)));
        expect(Math.max(...worst), key).toBeLessThan(1e-6);
      }
    }
  });

  it("goes on from a saved state as if never interrupted", () => {
    const unbroken = new Run();
    const setting = settings[1] as Setting;
    const whole = unbroken.optimizer(setting);
    for (let step = 0; step < steps; step++) unbroken.step(whole, step);
    const run = new Run();
    const first = run.optimizer(setting);
    for (let step = 0; step < 9; step++) run.step(first, step);
    const saved = new Map(
      [...first.stateDict()].map(([key, tensor]) => [key, torch.keep(tensor.clone())]),
    );
    first.dispose();
    const second = run.optimizer(setting);
    second.loadStateDict(saved);
    for (let step = 9; step < steps; step++) run.step(second, step);
    expect(values(run.parameters)).toEqual(values(unbroken.parameters));
    expect(values(second.stateDict())).toEqual(values(whole.stateDict()));
  });

  it("names its state after the parameters, in their order", () => {
    const optimizer = new Run().optimizer(settings[0] as Setting);
    expect([...optimizer.stateDict().keys()]).toEqual(
      ["weight", "bias", "norm"].flatMap((name) =>
        ["exp_avg", "exp_avg_sq", "step"].map((kind) => `${kind}.${name}`),
      ),
    );
  });

  it("says what a saved state lacks", () => {
    const [, optimizer] = small();
    const saved = new Map(optimizer.stateDict());
    saved.delete("exp_avg_sq.w");
    expect(() => optimizer.loadStateDict(saved)).toThrow(
      new IncompatibleError("The saved optimizer state lacks exp_avg_sq.w"),
    );
  });

  it("leaves parameters without a gradient alone, decay and all", () => {
    const [parameter, optimizer] = small({ weightDecay: 0.5 });
    optimizer.zeroGrad();
    expect(parameter.grad).toBeUndefined();
    optimizer.step(1);
    expect(parameter.tolist()).toEqual([1, -2]);
    expect(optimizer.stateDict().get("step.w")?.item()).toBe(0);
  });

  it("moves by the rate first, and has the paper's decay by default", () => {
    const [parameter, optimizer] = small();
    optimizer.step(0.1);
    const [a = 0, b = 0] = parameter.toFloat32Array();
    expect(a).toBeCloseTo(1 - 0.1 * 0.03 - 0.1, 6);
    expect(b).toBeCloseTo(-2 + 0.1 * 0.03 * 2 + 0.1, 6);
  });

  it("scales the rate of a group", () => {
    const [parameter, optimizer] = small({ weightDecay: 0 }, { lrScale: 0.5 });
    optimizer.step(0.1);
    expect(parameter.toFloat32Array()[0]).toBeCloseTo(0.95, 6);
  });

  it("changes no weight at rate zero, but its moments", () => {
    const [parameter, optimizer] = small();
    optimizer.step(0);
    expect(parameter.tolist()).toEqual([1, -2]);
    expect(optimizer.stateDict().get("step.w")?.item()).toBe(1);
  });

  it("records no graph and keeps parameters leaves", () => {
    const [parameter, optimizer] = small();
    optimizer.step(0.1);
    expect([parameter.isLeaf, parameter.requiresGrad]).toEqual([true, true]);
    optimizer.zeroGrad();
    torch.backward(parameter.sum());
    expect(parameter.grad?.tolist()).toEqual([1, 1]);
  });
});

describe("memory of an AdamW", () => {
  let before: number;
  beforeEach(() => {
    collectGarbage();
    before = torch.memory().tensors;
  });

  it("is three tensors a parameter, and none after dispose()", () => {
    const parameter = torch.keep(torch.ones([2])).requiresGrad_();
    const optimizer = torch.tidy(() => {
      const made = new AdamW([{ parameters: new Map([["w", parameter]]) }]);
      return { step: made.step.bind(made), dispose: made.dispose.bind(made) };
    });
    expect(torch.memory().tensors).toBe(before + 4);
    torch.tidy(() => torch.backward(parameter.sum()));
    optimizer.step(0.1);
    expect(torch.memory().tensors).toBe(before + 4);
    optimizer.dispose();
    expect(torch.memory().tensors).toBe(before + 1);
    parameter.dispose();
  });
});
