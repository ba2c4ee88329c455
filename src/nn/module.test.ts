import { inspect } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { InvalidTypeError, InvalidValueError, UnsupportedError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { construct, constructOptions, init, Linear, Module, ModuleList } from "./index.ts";

class Attention extends Module {
  static override readonly keys = { toOut: "to_out.0" };
  readonly toQ: Linear = new Linear(2, 2, { bias: false });
  readonly toOut: Linear = new Linear(2, 2);

  override forward(x: Tensor): Tensor {
    return this.toOut.call(this.toQ.call(x).mul(2).add(1));
  }
}

class Model extends Module {
  static override readonly keys = { linear1: "linear_1" };
  readonly linear1: Linear = new Linear(2, 2);
  readonly attn1: Attention = new Attention();
  readonly transformerBlocks: ModuleList<Linear> = new ModuleList([
    new Linear(2, 2, { bias: false }),
    new Linear(2, 2, { bias: false }),
  ]);
  readonly scaleShiftTable: Tensor = this.parameter([6, 2], init.normal(0.5));
  readonly positions: Tensor = this.buffer(torch.arange(0, 4));
  readonly frequencies: Tensor = this.buffer(torch.ones([3]));
  readonly unused: Linear | undefined = undefined;
  readonly config: Readonly<Record<string, unknown>> = { sizes: [1, 2] };

  override forward(x: Tensor): Tensor {
    return this.attn1.call(this.linear1.call(x)).add(this.scaleShiftTable.sum());
  }
}

const keys = [
  "linear_1.weight",
  "linear_1.bias",
  "attn1.to_q.weight",
  "attn1.to_out.0.weight",
  "attn1.to_out.0.bias",
  "transformer_blocks.0.weight",
  "transformer_blocks.1.weight",
  "scale_shift_table",
];

const values = (state: ReadonlyMap<string, Tensor>): Record<string, torch.NestedNumbers> =>
  Object.fromEntries([...state].map(([key, tensor]) => [key, tensor.tolist()]));

/** What a body throws. */
function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error("no error was thrown");
}

let before: number;
const alive = (): number => torch.memory().tensors - before;
beforeEach(() => {
  collectGarbage();
  before = torch.memory().tensors;
});

describe("keys", () => {
  it("are the fields in snake_case, or what `keys` says, in order of construction", () => {
    const model = new Model();
    expect([...model.namedParameters().keys()]).toEqual(keys);
    expect([...model.stateDict().keys()]).toEqual(keys);
    expect(model.parameters()).toHaveLength(keys.length);
    expect(model.numParameters()).toBe(6 + 4 + 6 + 8 + 12);
    expect(model.stateDict().get("scale_shift_table")).toBe(model.scaleShiftTable);
  });

  it("count members of a list beyond nine in order", () => {
    const list = new ModuleList(
      Array.from({ length: 12 }, () => new Linear(1, 1, { bias: false })),
    );
    expect([...list.namedParameters().keys()]).toEqual(
      Array.from({ length: 12 }, (_, i) => `${i}.weight`),
    );
  });

  it("are refused for a tensor that was not declared", () => {
    class Careless extends Module {
      readonly table: Tensor = torch.zeros([2]);
      override forward(): Tensor {
        return this.table;
      }
    }
    class Outer extends Module {
      readonly inner: Careless = new Careless();
      override forward(): void {}
    }
    expect(() => new Outer().parameters()).toThrow(
      new InvalidTypeError(
        "Expected this.parameter() or this.buffer() for the tensor in Careless.table",
      ),
    );
  });

  it("are refused for modules in a plain array", () => {
    class Careless extends Module {
      readonly blocks: Linear[] = [new Linear(1, 1)];
      override forward(): void {}
    }
    expect(() => new Careless().stateDict()).toThrow(
      new InvalidTypeError("Expected a ModuleList for the modules in Careless.blocks"),
    );
  });
});

describe("namedModules", () => {
  it("has every module under the start of its keys, from the outside in", () => {
    const model = new Model();
    const named = [...model.namedModules()];
    expect(named.map(([name]) => name)).toEqual([
      "",
      "linear_1",
      "attn1",
      "attn1.to_q",
      "attn1.to_out.0",
      "transformer_blocks",
      "transformer_blocks.0",
      "transformer_blocks.1",
    ]);
    expect(named.at(0)?.[1]).toBe(model);
    expect(named.at(4)?.[1]).toBe(model.attn1.toOut);
    expect([...model.attn1.namedModules("inner")].at(1)?.[0]).toBe("inner.to_q");
  });
});

describe("ModuleList", () => {
  const [a, b] = [new Linear(1, 1), new Linear(1, 2)];
  const list = new ModuleList([a, b]);

  it("is iterable and indexed from both ends", () => {
    expect([...list]).toEqual([a, b]);
    expect([list.length, list.at(0), list.at(-1)]).toEqual([2, a, b]);
    expect(() => list.at(2)).toThrow(
      new InvalidValueError("Expected an index below 2 but received 2"),
    );
    expect(() => list.at(-3)).toThrow(
      new InvalidValueError("Expected an index below 2 but received -3"),
    );
  });

  it("has no forward", () => {
    expect(() => list.call()).toThrow(
      new UnsupportedError("A ModuleList has no forward of its own: call its members"),
    );
  });
});

describe("call", () => {
  it("frees what forward made, but its result", () => {
    const model = new Model();
    const x = torch.ones([1, 2]);
    const held = alive();
    const y = model.call(x);
    expect(alive()).toBe(held + 1);
    expect(y.shape).toEqual([1, 2]);
    model.dispose();
  });

  it("names the module whose scope ended", () => {
    let lost: Tensor | undefined;
    class Leaky extends Module {
      override forward(x: Tensor): Tensor {
        lost = x.mul(2);
        return lost.add(1);
      }
    }
    new Leaky().call(torch.ones([3]));
    expect(() => lost?.item()).toThrow(
      'tensor (3) float32 was disposed when scope "Leaky" ended; return it from the scope or torch.keep() it',
    );
  });

  it("leaves the scope when forward throws", () => {
    class Failing extends Module {
      override forward(x: Tensor): Tensor {
        x.mul(2);
        throw new RangeError("on purpose");
      }
    }
    const x = torch.ones([1]);
    expect(() => new Failing().call(x)).toThrow(new RangeError("on purpose"));
    expect(alive()).toBe(1);
    x.dispose();
  });

  it("refuses an asynchronous forward", () => {
    class Later extends Module {
      override async forward(x: Tensor): Promise<Tensor> {
        return x;
      }
    }
    expect(() => new Later().call(torch.ones([1]))).toThrow(/^A scope's body must be synchronous/);
  });

  it("passes all arguments and any result", () => {
    class Pair extends Module {
      override forward(x: Tensor, times: number): { y: Tensor; list: Tensor[] } {
        return { y: x.mul(times), list: [x, x.add(times)] };
      }
    }
    const { y, list } = new Pair().call(torch.ones([1]), 3);
    expect([y.item(), list.map((t) => t.item())]).toEqual([3, [1, 4]]);
  });
});

describe("loadStateDict", () => {
  it("copies into the parameters, and converts", () => {
    const [model, other] = [new Model(), new Model()];
    const { weight } = model.linear1;
    const state = new Map(
      [...other.stateDict()].map(([key, t]) => [key, t.detach().to({ dtype: "float64" })]),
    );
    model.loadStateDict(state);
    expect(values(model.stateDict())).toEqual(values(other.stateDict()));
    expect(model.linear1.weight).toBe(weight);
    expect([weight.dtype, weight.requiresGrad]).toEqual(["float32", true]);
    other.dispose();
    expect(weight.isDisposed).toBe(false);
  });

  it("lists all that is missing, unexpected and of another shape, and changes nothing", () => {
    const model = new Model();
    const initial = values(model.stateDict());
    const state = new Map<string, Tensor>(new Model().stateDict());
    state.delete("attn1.to_q.weight");
    state.delete("linear_1.bias");
    state.set("attn1.to_k.weight", torch.zeros([2, 2]));
    state.set("scale_shift_table", torch.zeros([2, 6]));
    state.set("attn1.to_out.0.bias", torch.zeros([]));
    expect(messageOf(() => model.loadStateDict(state))).toBe(
      [
        "The weights do not fit Model; nothing was loaded.",
        "  missing (2):",
        "    linear_1.bias",
        "    attn1.to_q.weight",
        "  unexpected (1):",
        "    attn1.to_k.weight",
        "  of another shape (2):",
        "    attn1.to_out.0.bias: expected [2], found []",
        "    scale_shift_table: expected [6, 2], found [2, 6]",
      ].join("\n"),
    );
    expect(values(model.stateDict())).toEqual(initial);
  });

  it("lists twenty of each", () => {
    const state = new Map(Array.from({ length: 23 }, (_, i) => [`key${i}`, torch.zeros([1])]));
    const lines = messageOf(() => new Linear(1, 1).loadStateDict(state)).split("\n");
    expect(lines).toContain("  unexpected (23):");
    expect(lines).toContain("    key19");
    expect(lines).not.toContain("    key20");
    expect(lines.at(-1)).toBe("    … and 3 more");
  });

  it("gives memory to a model that was built without any", () => {
    const model = construct({ device: "meta", dtype: "bfloat16" }, () => new Model());
    expect([model.device, model.dtype]).toEqual(["meta", "bfloat16"]);
    model.requiresGrad_(false);
    const other = new Model();
    model.loadStateDict(other.stateDict());
    expect([model.device, model.dtype]).toEqual(["cpu", "bfloat16"]);
    expect(model.parameters().some((p) => p.requiresGrad)).toBe(false);
    const rounded = other.to({ dtype: "bfloat16" });
    expect(values(model.stateDict())).toEqual(values(rounded.stateDict()));
    const y = torch.tidy(() => model.call(torch.ones([1, 2], { dtype: "bfloat16" })));
    expect(y.dtype).toBe("bfloat16");
    for (const each of [model, other]) each.dispose();
    y.dispose();
    collectGarbage();
    expect(alive()).toBe(0);
  });

  it("keeps parameters trainable that were built without memory", () => {
    const layer = construct({ device: "meta" }, () => new Linear(2, 2));
    const state = new Linear(2, 2).stateDict();
    torch.tidy(() => layer.loadStateDict(state));
    torch.backward(layer.call(torch.ones([1, 2])).sum());
    expect(layer.weight.grad?.tolist()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it("reads from a source only the keys that it has asked for", () => {
    const read: string[] = [];
    const layer = new Linear(2, 1, { bias: false });
    layer.loadStateDict({
      keys: () => ["weight"],
      shape: () => [1, 2],
      tensor: (key) => {
        read.push(key);
        return torch.tensor([[3, 4]]);
      },
    });
    expect(read).toEqual(["weight"]);
    expect(layer.weight.tolist()).toEqual([[3, 4]]);
  });

  it("frees what its source made", () => {
    const layer = new Linear(2, 1, { bias: false });
    const held = alive();
    layer.loadStateDict({
      keys: () => ["weight"],
      shape: () => [1, 2],
      tensor: () => torch.zeros([1, 2], { dtype: "float64" }),
    });
    expect(alive()).toBe(held);
  });
});

describe("to", () => {
  it("changes floating-point tensors and leaves integer ones", () => {
    const model = new Model();
    model.linear1.weight.requiresGrad_(false);
    expect(model.to({ dtype: "bfloat16" })).toBe(model);
    expect(new Set(model.parameters().map((p) => p.dtype))).toEqual(new Set(["bfloat16"]));
    expect([model.positions.dtype, model.positions.tolist()]).toEqual(["int64", [0, 1, 2, 3]]);
    expect(model.frequencies.dtype).toBe("bfloat16");
    expect(model.parameters().map((p) => p.requiresGrad)).toEqual([false, ...Array(7).fill(true)]);
    expect(model.parameters().every((p) => p.isLeaf)).toBe(true);
  });

  it("moves everything to another device", () => {
    const model = new Model().to({ device: "meta" });
    const devices = [...model.parameters(), model.positions].map((t) => t.device);
    expect(new Set(devices)).toEqual(new Set(["meta"]));
    expect(model.positions.dtype).toBe("int64");
  });

  it("changes nothing where nothing is to change, and frees what it replaces", () => {
    const model = new Model();
    const { weight } = model.linear1;
    const held = alive();
    expect(model.to({ dtype: "float32", device: "cpu" }).linear1.weight).toBe(weight);
    torch.tidy(() => void model.to({ dtype: "float64" }));
    expect(weight.isDisposed).toBe(true);
    expect(model.linear1.weight.dtype).toBe("float64");
    expect(alive()).toBe(held);
    model.dispose();
  });
});

describe("parameters", () => {
  it("can be frozen and thawed", () => {
    const model = new Model();
    expect(model.parameters().every((p) => p.requiresGrad)).toBe(true);
    expect(model.requiresGrad_(false)).toBe(model);
    expect(model.parameters().some((p) => p.requiresGrad)).toBe(false);
    model.requiresGrad_();
    expect(model.parameters().every((p) => p.requiresGrad)).toBe(true);
  });

  it("outlive the scope that the model was built in", () => {
    const built: Linear[] = [];
    torch.tidy(() => void built.push(new Linear(2, 1)));
    expect(built[0]?.weight.isDisposed).toBe(false);
  });

  it("are all given back by dispose()", () => {
    torch.tidy(() => {
      const model = new Model();
      expect(alive()).toBeGreaterThanOrEqual(10);
      torch.backward(model.call(torch.ones([1, 2])).sum());
      model.dispose();
      expect(model.linear1.weight.isDisposed).toBe(true);
    });
    expect(alive()).toBe(0);
  });
});

describe("construct", () => {
  it("overrides field by field and is left when its body throws", () => {
    const generator = torch.generator(1);
    construct({ device: "meta", generator }, () => {
      construct({ dtype: "float16" }, () => {
        expect(constructOptions()).toEqual({ device: "meta", dtype: "float16", generator });
        expect(new Linear(1, 1).weight.dtype).toBe("float16");
      });
      expect(constructOptions()).toEqual({ device: "meta", generator });
    });
    const fail = (): never => {
      throw new Error("on purpose");
    };
    expect(() => construct({ dtype: "float64" }, fail)).toThrow("on purpose");
    expect(constructOptions()).toEqual({});
  });
});

describe("a module as text", () => {
  it("is a tree with the numbers of weights", () => {
    const text = [
      "Model(36) {",
      "  linear1: Linear(6)",
      "  attn1: Attention(10) {",
      "    toQ: Linear(4)",
      "    toOut: Linear(6)",
      "  }",
      "  transformerBlocks: ModuleList(8) {",
      "    0: Linear(4)",
      "    1: Linear(4)",
      "  }",
      "}",
    ].join("\n");
    expect(String(new Model())).toBe(text);
    expect(inspect(new Model())).toBe(text);
    expect(String(new Linear(100, 100))).toBe("Linear(10,100)");
  });
});
