import { describe, expect, it } from "vitest";
import { InvalidTypeError } from "../../errors/index.ts";
import * as torch from "../index.ts";

const { linear, softmax } = torch.functional;
const x = torch.keep(torch.tensor([[1, 0.5]]));
const weight = torch.keep(torch.tensor([[1.001, 2]])).requiresGrad_();
const product = (): torch.Tensor => linear(x, weight);

describe("autocast", () => {
  it.each(["bfloat16", "float16"] as const)("multiplies in %s", (dtype) => {
    const y = torch.autocast("cpu", dtype, product);
    expect([y.dtype, y.requiresGrad]).toEqual([dtype, true]);
    expect(y.item()).toBe(2);
    expect(product().dtype).toBe("float32");
  });

  it("keeps float32 where libtorch's rules say so", () => {
    torch.autocast("cpu", "bfloat16", () => {
      expect(x.add(1).dtype).toBe("float32");
      expect(softmax(product(), -1).dtype).toBe("bfloat16");
      expect(torch.functional.mseLoss(product(), x.select(1, 0).unsqueeze(1)).dtype).toBe(
        "float32",
      );
    });
  });

  it("gives gradients in the dtype of the weights", () => {
    torch.backward(torch.autocast("cpu", "bfloat16", product));
    expect([weight.grad?.dtype, weight.grad?.tolist()]).toEqual(["float32", [[1, 0.5]]]);
    weight.grad = undefined;
  });

  it("takes gradients after the same weight was used without any", () => {
    const y = torch.autocast("cpu", "bfloat16", () => {
      torch.noGrad(product);
      return product();
    });
    torch.backward(y);
    expect(weight.grad?.tolist()).toEqual([[1, 0.5]]);
    weight.grad = undefined;
  });

  it("sees weights that changed since the last time", () => {
    const w = torch.tensor([[1, 1]]).requiresGrad_();
    const sum = (): number => torch.autocast("cpu", "bfloat16", () => linear(x, w)).item();
    expect(sum()).toBe(1.5);
    torch.noGrad(() => w.mul_(2));
    expect(sum()).toBe(3);
  });

  it("nests", () => {
    torch.autocast("cpu", "bfloat16", () => {
      expect(torch.autocast("cpu", "float16", product).dtype).toBe("float16");
      expect(product().dtype).toBe("bfloat16");
    });
    expect(product().dtype).toBe("float32");
  });

  it("ends when its body throws", () => {
    const body = (): never => {
      throw new Error("on purpose");
    };
    expect(() => torch.autocast("cpu", "bfloat16", body)).toThrow("on purpose");
    expect(product().dtype).toBe("float32");
  });

  it("refuses a promise", () => {
    expect(() => torch.autocast("cpu", "bfloat16", async () => product())).toThrow(
      new InvalidTypeError(
        "Expected a synchronous function for torch.autocast() but received a promise: wrap each synchronous part of an async function separately.",
      ),
    );
    expect(product().dtype).toBe("float32");
  });

  it("refuses a device that there is not", () => {
    expect(() => torch.autocast("abacus", "bfloat16", product)).toThrow(/device string: abacus$/);
    expect(product().dtype).toBe("float32");
  });
});
