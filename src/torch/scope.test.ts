import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { InvalidStateError, InvalidTypeError } from "../errors/index.ts";
import * as torch from "./index.ts";

let before: number;
/** Tensors alive that were not so when the test began. */
const alive = (): number => torch.memory().tensors - before;

beforeEach(() => {
  collectGarbage();
  before = torch.memory().tensors;
});

/** What a body throws. */
function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("tidy", () => {
  it("frees all tensors but the result", () => {
    const result = torch.tidy(() => torch.ones([2]).add(1).mul(2));
    expect(alive()).toBe(1);
    expect(result.tolist()).toEqual([4, 4]);
    result.dispose();
    expect(alive()).toBe(0);
  });

  it("frees everything where nothing is returned, and gives numbers through", () => {
    expect(torch.tidy(() => torch.ones([4]).sum().item())).toBe(4);
    expect(alive()).toBe(0);
  });

  it("keeps what stands in arrays, maps and plain objects, however deep", () => {
    const result = torch.tidy(() => {
      const [a, b, c, d] = [1, 2, 3, 4].map((value) => torch.full([1], value));
      torch.zeros([1]);
      return {
        a,
        list: [b, [c], null, "text"],
        map: new Map([["d", { d }]]),
        data: new Uint8Array(1),
      };
    });
    expect(alive()).toBe(4);
    expect(result.a?.item()).toBe(1);
    expect(result.map.get("d")?.d?.item()).toBe(4);
  });

  it("hands survivors to the scope around it", () => {
    torch.tidy(() => {
      const inner = torch.tidy(() => torch.tidy(() => torch.ones([1])).add(1));
      expect(alive()).toBe(1);
      expect(inner.item()).toBe(2);
    });
    expect(alive()).toBe(0);
  });

  it("leaves a tensor that was made outside to its owner", () => {
    torch.tidy(() => {
      const outside = torch.ones([1]);
      expect(torch.tidy(() => outside)).toBe(outside);
      torch.tidy(() => torch.tidy(() => [outside, outside]));
      expect(outside.item()).toBe(1);
      expect(alive()).toBe(1);
    });
    expect(alive()).toBe(0);
  });

  it("takes the same tensor twice in a result", () => {
    const [first, second] = torch.tidy(() => {
      const t = torch.ones([1]);
      return [t, t];
    });
    expect(first).toBe(second);
    expect(alive()).toBe(1);
    first?.dispose();
  });

  it("lets autograd keep what it needs", () => {
    const weight = torch.tensor([3]).requiresGrad_();
    const loss = torch.tidy(() =>
      weight
        .square()
        .mul(torch.tensor([2]))
        .sum(),
    );
    torch.backward(loss);
    expect(weight.grad?.item()).toBe(12);
  });

  it("is left when its body throws", () => {
    const error = new Error("on purpose");
    const body = (): void => {
      torch.tidy(() => {
        torch.ones([1]);
        torch.tidy(() => {
          torch.ones([1]);
          throw error;
        });
      });
    };
    expect(thrownBy(body)).toBe(error);
    expect(alive()).toBe(0);
    const unscoped = torch.ones([1]);
    torch.tidy(() => undefined);
    expect(unscoped.item()).toBe(1);
  });

  it("is left when a tensor of the result was disposed", () => {
    const body = (): unknown =>
      torch.tidy(() => {
        const t = torch.ones([2]);
        const other = torch.ones([1]);
        t.dispose();
        return [t, other];
      });
    expect(thrownBy(body)).toBeInstanceOf(torch.TensorDisposedError);
    expect(alive()).toBe(0);
    const unscoped = torch.ones([1]);
    torch.tidy(() => undefined);
    expect(unscoped.item()).toBe(1);
  });

  it("refuses a promise", () => {
    expect(() => torch.tidy(async () => void torch.ones([1]))).toThrow(
      new InvalidTypeError(
        "A scope's body must be synchronous: its tensors are freed before a promise settles. Use `using scope = torch.scope()` and scope.run() around each synchronous part.",
      ),
    );
    expect(alive()).toBe(0);
  });
});

describe("keep", () => {
  it("takes a tensor out of all scopes", () => {
    const kept = torch.tidy(() => {
      const t = torch.tidy(() => ({ t: torch.keep(torch.ones([1])) })).t;
      return { text: String(t), same: () => t };
    });
    expect(alive()).toBe(1);
    const t = kept.same();
    expect(t.item()).toBe(1);
    t.dispose();
    expect(alive()).toBe(0);
  });

  it("gives a tensor without a scope to the garbage collector", () => {
    torch.tidy(() => void torch.keep(torch.ones([1])));
    expect(alive()).toBe(1);
    collectGarbage();
    expect(alive()).toBe(0);
  });
});

describe("a scope for async code", () => {
  it("keeps what its runs make over awaits, and frees it at its end", async () => {
    const use = async (): Promise<void> => {
      using scope = torch.scope("denoise");
      const x = scope.run(() => torch.ones([1]).add(1));
      await nextTurn();
      const y = scope.run(() => x.mul(2));
      expect(alive()).toBe(3);
      expect(y.item()).toBe(4);
    };
    await use();
    expect(alive()).toBe(0);
  });

  it("does not own what is made outside run()", () => {
    const scope = torch.scope();
    const outside = torch.ones([1]);
    scope[Symbol.dispose]();
    expect(outside.item()).toBe(1);
  });

  it("is separate from another one whose awaits interleave with its own", async () => {
    const log: string[] = [];
    const task = async (name: string, turns: number): Promise<number> => {
      using scope = torch.scope(name);
      let x = scope.run(() => torch.zeros([1]));
      for (let i = 0; i < turns; i++) {
        await nextTurn();
        x = scope.run(() => torch.tidy(() => x.add(1).add(1)));
        log.push(name);
      }
      return x.item();
    };
    expect(await Promise.all([task("a", 2), task("b", 4)])).toEqual([4, 8]);
    expect(log.join("")).toBe("ababbb");
    expect(alive()).toBe(0);
  });

  it("frees all when its code throws", async () => {
    const use = async (): Promise<void> => {
      using scope = torch.scope();
      scope.run(() => torch.ones([1]));
      await nextTurn();
      scope.run(() => {
        torch.ones([1]);
        throw new Error("on purpose");
      });
    };
    await expect(use()).rejects.toThrow("on purpose");
    expect(alive()).toBe(0);
  });

  it("can run inside a tidy, and the other way round", () => {
    using scope = torch.scope();
    const mine = torch.tidy(() => {
      torch.ones([1]);
      const t = scope.run(() => torch.tidy(() => torch.ones([1]).add(1)));
      return () => t;
    })();
    expect(mine.item()).toBe(2);
    expect(alive()).toBe(1);
  });

  it("gives up a tensor that is kept", () => {
    const t = ((): torch.Tensor => {
      using scope = torch.scope();
      return scope.run(() => torch.keep(torch.ones([1])));
    })();
    expect(t.item()).toBe(1);
  });

  it("refuses a promise, and work after its end", () => {
    const scope = torch.scope();
    expect(() => scope.run(async () => void torch.ones([1]))).toThrow(
      new InvalidTypeError(
        "Expected a synchronous function for scope.run() but received a promise",
      ),
    );
    expect(alive()).toBe(1);
    scope[Symbol.dispose]();
    scope[Symbol.dispose]();
    expect(alive()).toBe(0);
    expect(() => scope.run(() => 1)).toThrow(
      new InvalidStateError("Expected an open scope but this one was disposed"),
    );
  });

  it("frees its tensors when it is forgotten", async () => {
    const forget = (): void => void torch.scope().run(() => torch.ones([1]));
    forget();
    expect(alive()).toBe(1);
    await nextTurn();
    collectGarbage();
    expect(alive()).toBe(0);
  });
});

describe("a disposed tensor", () => {
  it("says its shape, its dtype and the scope that ended", () => {
    const leak = (): torch.Tensor => {
      let t: torch.Tensor | undefined;
      torch.runInScope(torch.scopeName("PixArtBlock"), () => {
        t = torch.zeros([2, 4, 3], { dtype: "bfloat16" });
      });
      return t as torch.Tensor;
    };
    const leaked = leak();
    const error = thrownBy(() => leaked.shape);
    expect(error).toBeInstanceOf(torch.TensorDisposedError);
    expect(error).toBeInstanceOf(torch.TorchError);
    expect(error).toMatchObject({
      name: "TensorDisposedError",
      message:
        'tensor (2, 4, 3) bfloat16 was disposed when scope "PixArtBlock" ended; return it from the scope or torch.keep() it',
    });
  });

  it("names an async scope too", () => {
    const scope = torch.scope("sampling");
    const t = scope.run(() => torch.zeros([1]));
    scope[Symbol.dispose]();
    expect(() => t.item()).toThrow(
      /^tensor \(1\) float32 was disposed when scope "sampling" ended/,
    );
  });

  it("says that dispose() was called", () => {
    const t = torch.zeros([], { dtype: "int64" });
    t.dispose();
    expect(() => t.add(1)).toThrow(
      new torch.TensorDisposedError("aten::add.Scalar(): tensor () int64 was disposed"),
    );
  });

  it("is refused as the argument of an operator, which is named", () => {
    const t = torch.zeros([5]);
    t.dispose();
    const error = thrownBy(() => torch.zeros([2]).add(t));
    expect(error).toBeInstanceOf(torch.TensorDisposedError);
    expect(error).toMatchObject({
      message: "aten::add.Tensor(self float32(2)): tensor (5) float32 was disposed",
    });
  });

  it("can be disposed again", () => {
    const t = torch.zeros([1]);
    t.dispose();
    const other = torch.zeros([1]);
    t.dispose();
    t[Symbol.dispose]();
    expect(other.item()).toBe(0);
    expect(alive()).toBe(1);
    other.dispose();
  });

  it("never means the tensor that took its place", () => {
    const t = torch.zeros([1]);
    t.dispose();
    for (let i = 0; i < 3000; i++) torch.ones([1]).dispose();
    using later = torch.ones([1]);
    expect(t.isDisposed).toBe(true);
    expect(later.item()).toBe(1);
    expect(() => t.item()).toThrow(torch.TensorDisposedError);
    expect(() => t.item()).toThrow(
      "a tensor was disposed, by dispose() or at the end of its scope",
    );
  });

  it("leaves the tensors that were computed from it", () => {
    const t = torch.ones([2, 2]);
    const view = t.select(0, 0);
    t.dispose();
    expect(view.tolist()).toEqual([1, 1]);
  });
});
