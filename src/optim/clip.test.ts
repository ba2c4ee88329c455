import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { runPython } from "../../test/parity/python.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { clipGradNorm_ } from "./index.ts";

const shapes = [[3, 5], [1], [2, 2, 2], [400]];
const limits = [0.01, 1, 7.5, 1e4];

const script = `
import json, sys
import torch

request = json.load(sys.stdin)
answers = []
for limit in request["limits"]:
    g = torch.Generator().manual_seed(3)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in request["shapes"]]
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=g)
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit).item()
    answers.append({"norm": norm, "gradients": [p.grad.tolist() for p in parameters]})
json.dump(answers, sys.stdout)
`;

beforeEach(collectGarbage);

let expected: { norm: number; gradients: torch.NestedNumbers[] }[];
beforeAll(async () => {
  expected = (await runPython(script, { limits, shapes })) as typeof expected;
});

function parameters(gradients: readonly (Tensor | undefined)[]): Tensor[] {
  return gradients.map((gradient) => {
    const parameter = torch.zeros(gradient?.shape ?? [1]).requiresGrad_();
    parameter.grad = gradient;
    return parameter;
  });
}
/** Those of the script. */
function drawn(): Tensor[] {
  const generator = torch.generator(3);
  return parameters(shapes.map((shape) => torch.randn(shape, { generator })));
}
const gradientsOf = (list: readonly Tensor[]): (torch.NestedNumbers | undefined)[] =>
  list.map(({ grad }) => grad?.tolist());

describe("clipGradNorm_", () => {
  it.each(limits.map((limit, index) => ({ limit, index })))(
    "is torch.nn.utils.clip_grad_norm_ at $limit, to the bit with libtorch's kernels",
    ({ limit, index }) => {
      torch.tidy(() => {
        const list = drawn();
        torch.setOwnKernels(false);
        try {
          expect(clipGradNorm_(list, limit)).toBe(expected[index]?.norm);
        } finally {
          torch.setOwnKernels(true);
        }
        expect(gradientsOf(list)).toEqual(expected[index]?.gradients);
      });
    },
  );

  it.each(limits.map((limit, index) => ({ limit, index })))(
    "is that up to rounding at $limit",
    ({ limit, index }) => {
      torch.tidy(() => {
        const list = drawn();
        const { norm = 0, gradients = [] } = expected[index] ?? {};
        expect(Math.abs(clipGradNorm_(list, limit) / norm - 1)).toBeLessThan(2e-7);
        for (const [i, { grad }] of list.entries()) {
          const theirs = torch.tensor(gradients[i] as number[]);
          const error = grad?.sub(theirs).norm().item() ?? Number.NaN;
          expect(error / theirs.norm().item()).toBeLessThan(3e-7);
        }
      });
    },
  );

  it("skips parameters without a gradient", () => {
    const list = parameters([torch.tensor([3, 4]), undefined]);
    expect(clipGradNorm_(list, 1)).toBe(5);
    const [[a = 0, b = 0] = []] = gradientsOf(list) as number[][];
    expect([a, b].map((x) => Number(x.toFixed(5)))).toEqual([0.6, 0.8]);
    expect(clipGradNorm_(parameters([undefined]), 1)).toBe(0);
    expect(clipGradNorm_([], 1)).toBe(0);
  });

  it.each([Number.NaN, 1 / 0, -1 / 0])("leaves gradients alone where one of them is %s", (bad) => {
    const list = parameters([torch.tensor([30, bad]), torch.tensor([4])]);
    expect(clipGradNorm_(list, 1)).toBe(Number.isNaN(bad) ? Number.NaN : 1 / 0);
    expect(gradientsOf(list)).toEqual([[30, bad], [4]]);
  });

  it("leaves gradients of a norm too large for float32 alone", () => {
    const list = parameters([torch.tensor([3e38, 3e38])]);
    expect(clipGradNorm_(list, 1)).toBe(1 / 0);
    expect(gradientsOf(list)).toEqual([[Math.fround(3e38), Math.fround(3e38)]]);
  });

  it("leaves zeros zero", () => {
    const list = parameters([torch.zeros([2])]);
    expect(clipGradNorm_(list, 1)).toBe(0);
    expect(gradientsOf(list)).toEqual([[0, 0]]);
  });

  it("leaves no tensor behind", () => {
    const list = parameters([torch.tensor([3, 4])]);
    const held = torch.memory().tensors;
    clipGradNorm_(list, 1);
    expect(torch.memory().tensors).toBe(held);
  });
});
