import { describe, expectTypeOf, it } from "vitest";
import { Linear, Module } from "../../src/nn/index.ts";
import type { ParameterGroup } from "../../src/optim/index.ts";
import type { Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";

// What the compiler says is checked by `npm run check`; nothing in the bodies below has to run.
const unchecked = (_body: () => void): void => undefined;

describe("types of the engine", () => {
  it("tensors", () => {
    expectTypeOf<Tensor["shape"]>().toEqualTypeOf<number[]>();
    expectTypeOf<Tensor["grad"]>().toEqualTypeOf<Tensor | undefined>();
    expectTypeOf<Tensor["dtype"]>().toEqualTypeOf<torch.DType>();
    expectTypeOf<Tensor["add"]>().parameter(0).toEqualTypeOf<Tensor | number>();
    expectTypeOf<Tensor["add_"]>().returns.toEqualTypeOf<Tensor>();
    expectTypeOf<Tensor["chunk"]>().returns.toEqualTypeOf<Tensor[]>();
    expectTypeOf<Tensor["topk"]>().returns.toEqualTypeOf<[Tensor, Tensor]>();
    expectTypeOf<Tensor["allclose"]>().returns.toEqualTypeOf<boolean>();
    expectTypeOf<Tensor>().toExtend<Disposable>();
    unchecked(() => {
      // @ts-expect-error a dtype that there is not
      torch.zeros([1], { dtype: "float8" });
      // @ts-expect-error shapes are arrays
      torch.zeros(3);
      // @ts-expect-error a misspelled option
      torch.zeros([1], { dytpe: "int64" });
      // @ts-expect-error unsigned 32-bit integers have no dtype
      torch.fromTypedArray(new Uint32Array(1));
      // @ts-expect-error shapes are read only
      torch.zeros([1]).shape = [2];
    });
  });

  it("scopes give their body's type through", () => {
    expectTypeOf(torch.tidy<number>).returns.toEqualTypeOf<number>();
    expectTypeOf(torch.tidy<{ a: Tensor }>).returns.toEqualTypeOf<{ a: Tensor }>();
    expectTypeOf(torch.noGrad<Tensor[]>).returns.toEqualTypeOf<Tensor[]>();
    expectTypeOf<torch.Scope>().toExtend<Disposable>();
  });

  it("call() has the parameters and the result of forward()", () => {
    class Block extends Module {
      override forward(x: Tensor, scale: number, mask?: Tensor): [Tensor, number] {
        return [mask ?? x, scale];
      }
    }
    expectTypeOf<Block["call"]>().toBeCallableWith({} as Tensor, 1);
    expectTypeOf<ReturnType<Block["forward"]>>().toEqualTypeOf<[Tensor, number]>();
    unchecked(() => {
      const block = new Block();
      expectTypeOf(block.call(torch.zeros([1]), 2)).toEqualTypeOf<[Tensor, number]>();
      expectTypeOf(new Linear(1, 1).call(torch.zeros([1]))).toEqualTypeOf<Tensor>();
      // @ts-expect-error the second argument is missing
      block.call(torch.zeros([1]));
      // @ts-expect-error a field that the module does not have
      block.weigth;
      // @ts-expect-error parameters are made by the module itself
      block.parameter([1]);
    });
  });

  it("groups of parameters may be read only", () => {
    expectTypeOf<ReadonlyMap<string, Tensor>>().toExtend<ParameterGroup["parameters"]>();
  });
});
