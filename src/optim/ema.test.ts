import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { IncompatibleError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { Ema, emaDecay } from "./index.ts";

beforeEach(collectGarbage);

const parameter = (value: number): Tensor => torch.keep(torch.full([2], value)).requiresGrad_();
const first = (tensor: Tensor | undefined): number => tensor?.toFloat32Array()[0] ?? Number.NaN;
const set = (tensor: Tensor, value: number): void => torch.noGrad(() => void tensor.fill_(value));

describe("emaDecay", () => {
  it("rises as (1 + n) / (10 + n) up to the decay", () => {
    const decays = [0, 1, 8, 89, 90, 1000].map((n) => emaDecay({ decay: 0.91, warmup: true }, n));
    expect(decays).toEqual([1 / 10, 2 / 11, 9 / 18, 90 / 99, 0.91, 0.91]);
  });

  it("is constant without a warm-up", () => {
    expect(emaDecay({ decay: 0.5, warmup: false }, 0)).toBe(0.5);
  });
});

describe("Ema", () => {
  it.each([true, false])("follows the formula (warm-up: %s)", (warmup) => {
    const p = parameter(1);
    const options = { decay: 0.9, warmup };
    const ema = new Ema(new Map([["p", p]]), options);
    let average = 1;
    for (let n = 0; n < 30; n++) {
      set(p, Math.sin(n));
      ema.update(n);
      const decay = warmup ? Math.min(0.9, (1 + n) / (10 + n)) : 0.9;
      average = decay * average + (1 - decay) * Math.fround(Math.sin(n));
      expect(first(ema.stateDict().get("p"))).toBeCloseTo(average, 6);
    }
    expect(p.isLeaf && p.requiresGrad).toBe(true);
  });

  it("starts as a copy that needs no gradient, and changes no parameter", () => {
    const [a, b] = [parameter(1), parameter(2)];
    const ema = new Ema(
      new Map([
        ["a", a],
        ["b.weight", b],
      ]),
      { decay: 0.5, warmup: false },
    );
    const state = ema.stateDict();
    expect([...state.keys()]).toEqual(["a", "b.weight"]);
    expect([...state.values()].map((t) => t.requiresGrad)).toEqual([false, false]);
    set(a, 5);
    expect(first(state.get("a"))).toBe(1);
    ema.update(0);
    expect([first(state.get("a")), first(a), first(state.get("b.weight"))]).toEqual([3, 5, 2]);
  });

  it("goes on from a saved state", () => {
    const p = parameter(1);
    const [ema, other] = [1, 2].map(
      () => new Ema(new Map([["p", p]]), { decay: 0.9, warmup: true }),
    ) as [Ema, Ema];
    set(p, 3);
    ema.update(0);
    other.loadStateDict(ema.stateDict());
    for (const each of [ema, other]) each.update(1);
    expect(first(other.stateDict().get("p"))).toBe(first(ema.stateDict().get("p")));
    expect(() => other.loadStateDict(new Map())).toThrow(
      new IncompatibleError("The saved averages lack p"),
    );
  });

  it("copies a saved state", () => {
    const p = parameter(1);
    const ema = new Ema(new Map([["p", p]]), { decay: 0.9, warmup: true });
    const saved = torch.tensor([7, 7]);
    ema.loadStateDict(new Map([["p", saved]]));
    saved.fill_(0);
    expect(first(ema.stateDict().get("p"))).toBe(7);
  });
});

describe("swapped", () => {
  const pair = (): [Tensor, Ema] => {
    const p = parameter(1);
    const ema = new Ema(new Map([["p", p]]), { decay: 0.9, warmup: true });
    set(p, 5);
    return [p, ema];
  };

  it("puts the averages in place while its body runs", async () => {
    const [p, ema] = pair();
    const inside = await ema.swapped(async () => {
      const now = first(p);
      await new Promise(setImmediate);
      return [now, first(p), first(ema.stateDict().get("p"))];
    });
    expect(inside).toEqual([1, 1, 5]);
    expect([first(p), first(ema.stateDict().get("p"))]).toEqual([5, 1]);
  });

  it.each([
    {
      how: "throws",
      body: (): Promise<never> => {
        throw new Error("on purpose");
      },
    },
    { how: "rejects", body: (): Promise<never> => Promise.reject(new Error("on purpose")) },
  ])("puts the parameters back when its body $how", async ({ body }) => {
    const [p, ema] = pair();
    await expect(ema.swapped(body)).rejects.toThrow("on purpose");
    expect([first(p), first(ema.stateDict().get("p"))]).toEqual([5, 1]);
  });

  it("restores to the bit and keeps gradients", async () => {
    const p = torch.keep(torch.randn([100], { generator: torch.generator(1) })).requiresGrad_();
    const ema = new Ema(new Map([["p", p]]), { decay: 0.9, warmup: false });
    torch.backward(p.sum());
    torch.noGrad(() => void p.mul_(1 / 3));
    const exact = p.tolist();
    await ema.swapped(async () => ema.swapped(async () => undefined));
    expect(p.tolist()).toEqual(exact);
    expect(p.grad?.sum().item()).toBe(100);
  });

  it("leaves no tensor behind", async () => {
    const [p, ema] = pair();
    const held = torch.memory().tensors;
    await ema.swapped(async () => undefined);
    ema.update(0);
    expect(torch.memory().tensors).toBe(held);
    ema.dispose();
    p.dispose();
    expect(torch.memory().tensors).toBe(held - 2);
  });
});
