import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { construct, Embedding, GroupNorm, Linear, Module, RMSNorm } from "../../src/nn/index.ts";
import { AdamW, clipGradNorm_, Ema } from "../../src/optim/index.ts";
import * as torch from "../../src/torch/index.ts";
import { collectGarbage } from "../collect-garbage.ts";

class Block extends Module {
  readonly norm: RMSNorm = new RMSNorm(8);
  readonly up: Linear = new Linear(8, 16);
  readonly down: Linear = new Linear(16, 8);

  override forward(x: torch.Tensor): torch.Tensor {
    return x.add(this.down.call(this.up.call(this.norm.call(x)).silu()));
  }
}

class Model extends Module {
  readonly table: Embedding = new Embedding(10, 8);
  readonly block0: Block = new Block();
  readonly block1: Block = new Block();
  readonly norm: GroupNorm = new GroupNorm(2, 8);
  readonly unused: Linear = new Linear(2, 2);

  override forward(indices: torch.Tensor): torch.Tensor {
    let x = this.table.call(indices);
    for (const block of [this.block0, this.block1]) {
      x = torch.checkpoint((y) => block.call(y), [x]);
    }
    return this.norm.call(x);
  }
}

/** A model with all that a training run holds. */
class Training {
  readonly model: Model = construct({ generator: torch.generator(1) }, () => new Model());
  readonly #optimizer: AdamW = new AdamW([{ parameters: this.model.namedParameters() }]);
  readonly #ema: Ema = new Ema(this.model.namedParameters(), { decay: 0.99, warmup: true });

  /** One step as a training loop makes it; `fail` throws in the middle of the backward's graph being built. */
  step(step: number, fail: boolean): number {
    this.#optimizer.zeroGrad();
    const loss = torch.tidy(() => {
      const generator = torch.stream(1, "data", step);
      const indices = torch.randint(0, 10, [4], { generator });
      const x = torch.autocast("cpu", "bfloat16", () => this.model.call(indices)).float();
      if (fail) throw new Error("on purpose");
      const loss = torch.functional.mseLoss(x, torch.randn([4, 8], { generator }));
      torch.backward(loss);
      return loss.item();
    });
    clipGradNorm_(this.model.parameters(), 1);
    this.#optimizer.step(1e-3);
    this.#ema.update(step);
    return loss;
  }

  async sample(): Promise<void> {
    await this.#ema.swapped(async () => {
      using scope = torch.scope("sample");
      const indices = scope.run(() => torch.arange(0, 3));
      await new Promise(setImmediate);
      torch.noGrad(() => torch.tidy(() => void this.model.call(indices).sum().item()));
    });
  }

  dispose(): void {
    for (const part of [this.#ema, this.#optimizer, this.model]) part.dispose();
  }
}

describe("300 training steps", () => {
  let before: number;
  beforeEach(() => {
    collectGarbage();
    before = torch.memory().tensors;
  });
  afterEach(() => torch.discardCheckpoints());

  it.each([
    { name: "without failures", failEvery: Number.POSITIVE_INFINITY },
    { name: "with an exception in every seventh", failEvery: 7 },
  ])("keep no tensor, $name", async ({ failEvery }) => {
    const training = new Training();
    const losses: number[] = [];
    const alive: number[] = [];
    for (let step = 1; step <= 300; step++) {
      const fail = step % failEvery === 0;
      try {
        losses.push(training.step(step, fail));
      } catch (error) {
        expect(fail).toBe(true);
        expect(error).toMatchObject({ message: "on purpose" });
      }
      if (step % 50 === 0) await training.sample();
      // After a failure the tape holds the abandoned segments, until the next backward.
      if (step >= 10 && !fail) alive.push(torch.memory().tensors);
    }
    expect(torch.isGradEnabled()).toBe(true);
    expect(losses).toHaveLength(failEvery === 7 ? 300 - 42 : 300);
    expect(losses.every(Number.isFinite)).toBe(true);
    // No collector has to help: nothing is lost on the way.
    expect(new Set(alive).size).toBe(1);
    const held = torch.memory().tensors;
    training.dispose();
    expect(torch.memory().tensors).toBe(before);
    expect(held).toBeGreaterThan(before);
  });
});
