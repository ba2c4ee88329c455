import { describe, expect, it } from "vitest";
import { parameterLimit, requireHeld } from "./held-layers.ts";

const keys = ["blocks.0.a", "blocks.0.b", "blocks.1.a", "blocks.10.a", "blocks.x", "other.7.a"];
const count = (says: number) => [{ field: "num_layers", says, start: "blocks." }];

describe("requireHeld", () => {
  it("counts layers by their numbers", () => {
    expect(() => requireHeld("c.json", keys, count(3))).not.toThrow();
  });

  it("refuses another number with both", () => {
    expect(() => requireHeld("c.json", keys, count(1e9))).toThrow(
      "c.json: num_layers: expected the 3 that the weights contain (blocks.*) but found 1000000000; the configuration is another model's, or part of the weights is missing",
    );
  });
});

describe("parameterLimit", () => {
  it("leaves room for weights that are missing, which are listed elsewhere", () => {
    const take = parameterLimit("c.json", 3);
    for (let i = 0; i < 206; i++) take([2, 3]);
    expect(() => take([2, 3])).toThrow(
      "c.json: file: expected a model of the 3 tensors that the weights contain but found one of more than 206",
    );
  });

  it.each([[[1e9, 1e9]], [[Number.NaN]], [[2 ** 49]]])("refuses %j", (shape) => {
    expect(() => parameterLimit("c.json", 3)(shape)).toThrow(
      `c.json: file: expected sizes that weights can have but found a tensor of [${shape.join(", ")}]`,
    );
  });
});
