import { describe, expect, it } from "vitest";
import { columnTypes, featureOf, storedValue } from "./column-type.ts";

const typeOf = (...values: unknown[]): unknown =>
  columnTypes(values.map((value) => ({ value }))).get("value");

describe("columnTypes", () => {
  it("takes the narrowest type that holds every value exactly", () => {
    expect(typeOf(1, 2n ** 63n - 1n, -(2n ** 63n))).toBe("int64");
    expect(typeOf(0, 2n ** 64n - 1n)).toBe("uint64");
    expect(typeOf(-1, 2n ** 64n - 1n)).toBe("string");
    expect(typeOf(2n ** 64n)).toBe("string");
    expect(typeOf(1, 0.5)).toBe("float64");
    expect(typeOf(Number.NaN, 3, Number.POSITIVE_INFINITY)).toBe("float64");
    expect(typeOf(-0)).toBe("float64");
    expect(typeOf(2n ** 53n + 1n, 0.5)).toBe("string");
    expect(typeOf(true, null)).toBe("bool");
    expect(typeOf(true, 1)).toBe("string");
    expect(typeOf("a", 1)).toBe("string");
    expect(typeOf(null, undefined)).toBeUndefined();
  });

  it("looks into lists and objects", () => {
    expect(typeOf([], [1, null], null, [2n ** 53n + 1n])).toEqual({ list: "int64" });
    expect(typeOf([])).toEqual({ list: "string" });
    expect(typeOf([["a"], []])).toEqual({ list: { list: "string" } });
    expect(typeOf({ a: 1 }, { b: [0.5] }, { a: null })).toEqual({
      fields: new Map<string, unknown>([
        ["a", "int64"],
        ["b", { list: "float64" }],
      ]),
    });
  });

  it("takes JSON for what has no one type", () => {
    const keys = Array.from({ length: 101 }, (_, i) => [`k${i}`, i]);
    expect(typeOf([1], "a")).toBe("string");
    expect(typeOf([1], { a: 1 })).toBe("string");
    expect(typeOf({})).toBe("string");
    expect(typeOf(Object.fromEntries(keys))).toBe("string");
    expect(typeOf([1, "a"])).toEqual({ list: "string" });
    expect(storedValue({ a: 2n ** 64n, b: Number.NaN }, "string")).toBe(
      '{"a":18446744073709551616,"b":NaN}',
    );
    expect([1, "1", 2n ** 64n, true].map((value) => storedValue(value, "string"))).toEqual([
      "1",
      "1",
      "18446744073709551616",
      "true",
    ]);
  });
});

describe("featureOf", () => {
  it("names types as datasets does", () => {
    const [type] = columnTypes([{ a: [{ x: 1, y: "z" }] }]).values();
    expect(type && featureOf(type)).toEqual([
      { x: { dtype: "int64", _type: "Value" }, y: { dtype: "string", _type: "Value" } },
    ]);
  });
});
