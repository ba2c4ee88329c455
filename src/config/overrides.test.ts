import { describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { applyOverrides } from "./overrides.ts";

const config = { seed: 0, stages: [{ steps: 1 }, { steps: 2, name: "b" }], list: ["a"] };
const applied = (...overrides: string[]): unknown => applyOverrides(config, overrides, "x.ts");

describe("applyOverrides", () => {
  it("sets paths through objects and lists, the later ones last", () => {
    expect(applied("seed=3", "stages.1.steps=10", "seed=4")).toEqual({
      seed: 4,
      stages: [{ steps: 1 }, { steps: 10, name: "b" }],
      list: ["a"],
    });
  });

  it("leaves the config itself alone", () => {
    const before = structuredClone(config);
    applied("seed=3", "stages.1.steps=10", "a.b.c=1");
    expect(config).toEqual(before);
  });

  it("makes the groups that are missing", () => {
    expect(applied("sampling.steps=5")).toEqual({ ...config, sampling: { steps: 5 } });
  });

  it.each([
    ["1e-4", 1e-4],
    ["true", true],
    ["True", "True"],
    ["null", null],
    ["fox", "fox"],
    ["a=b", "a=b"],
    ["", ""],
    ['"1"', "1"],
    ['["a fox, red", "b"]', ["a fox, red", "b"]],
    ["[a fox, an owl,3]", ["a fox", "an owl", 3]],
    ['{"pretrained":"m"}', { pretrained: "m" }],
  ])("reads %s", (text, value) => {
    expect(applied(`x=${text}`)).toEqual({ ...config, x: value });
  });

  it("does not reach prototypes", () => {
    const result = applied("__proto__.polluted=1", "constructor.polluted=2");
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
    expect("polluted" in Object).toBe(false);
  });

  it("lists everything that it cannot set", () => {
    expect(() => applied("seed", "=1", "stages.2.steps=1", "stages.x=1", "seed.a=1")).toThrow(
      new ConfigError("x.ts", [
        'Expected path.to.key=value but received "seed".',
        'Expected path.to.key=value but received "=1".',
        'Expected an index into a list of 2 for stages.2 but received "2".',
        'Expected an index into a list of 2 for stages.x but received "x".',
        "Expected an object with settings such as a for seed but received 0.",
      ]),
    );
  });
});
