import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generateOps } from "../../scripts/generate-ops.ts";
import { native } from "./binding.ts";

const stored = readFileSync(new URL("ops.gen.ts", import.meta.url), "utf8");

describe("ops.gen.ts", () => {
  it("is what `npm run ops` writes", () => {
    expect(stored).toBe(generateOps());
  });

  it("names every operator by a schema that this libtorch has", () => {
    const overloads = [...stored.matchAll(/native\.resolve\("(.+?)"\)/g)].map(([, name]) => name);
    expect(overloads.length).toBeGreaterThan(150);
    expect(new Set(overloads).size).toBe(overloads.length);
    for (const overload of overloads) {
      expect(native.schema(overload ?? "").startsWith(`${overload}(`)).toBe(true);
    }
  });

  it("refuses an operator that there is not", () => {
    expect(() => native.resolve("aten::addd.Tensor")).toThrow(
      "this libtorch has no operator aten::addd.Tensor",
    );
    expect(() => native.schema("aten::add.Tensoor")).toThrow(
      "this libtorch has no operator aten::add.Tensoor",
    );
  });
});
