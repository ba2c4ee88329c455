import { describe, expect, it } from "vitest";
import * as torch from "./index.ts";

const draw = (generator: torch.Generator): number[] =>
  torch.tidy(() => Array.from(torch.randn([20], { generator }).toFloat32Array()));

describe("stream", () => {
  // Written down once: a run resumes with the same numbers only while these stay as they are.
  it.each([
    { seed: 0, purpose: "noise", index: 0, value: 1048033729779554771n },
    { seed: 42, purpose: "noise", index: 0, value: 2016050116908936558n },
    { seed: 42, purpose: "noise", index: 1, value: 9042398825042437640n },
    { seed: 42, purpose: "timestep", index: 1, value: 4776115772556276699n },
    { seed: 43, purpose: "noise", index: 1, value: 4022281811387035398n },
    { seed: 2 ** 40, purpose: "é", index: 123456789, value: 291577839520753902n },
  ])("has the seed of ($seed, $purpose, $index)", ({ seed, purpose, index, value }) => {
    expect(torch.streamSeed(seed, purpose, index)).toBe(value);
    expect(torch.stream(seed, purpose, index).seed).toBe(value);
  });

  it("does not run parts of its name together", () => {
    const seeds = [
      torch.streamSeed(1, "noise", 23),
      torch.streamSeed(12, "noise", 3),
      torch.streamSeed(1, "noise2", 3),
      torch.streamSeed(1, "2noise", 3),
    ];
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  it("gives the same numbers again, and others for another seed, purpose or index", () => {
    const first = draw(torch.stream(1, "noise", 2));
    expect(draw(torch.stream(1, "noise", 2))).toEqual(first);
    for (const other of [
      torch.stream(2, "noise", 2),
      torch.stream(1, "crop", 2),
      torch.stream(1, "noise", 3),
    ]) {
      const numbers = draw(other);
      expect(numbers.filter((value) => first.includes(value))).toEqual([]);
    }
  });

  it("is not moved by draws from others", () => {
    const stream = torch.stream(1, "noise", 2);
    const alone = draw(torch.stream(1, "noise", 2));
    torch.manualSeed(9);
    torch.randn([3]);
    draw(torch.stream(1, "noise", 3));
    expect(draw(stream)).toEqual(alone);
  });
});

describe("generator", () => {
  it("goes on where it was", () => {
    const generator = torch.generator(4);
    const [first, second] = [draw(generator), draw(generator)];
    expect(second).not.toEqual(first);
    const again = torch.generator(4);
    expect([draw(again), draw(again)]).toEqual([first, second]);
  });

  it("is moved by each of its readers, which know whether others drew from it", () => {
    const whole = torch.generator(4);
    const numbers = [draw(whole), draw(whole)];
    const origin = torch.generator(4);
    const [first, second] = [origin.reader(), origin.reader()];
    expect(draw(first)).toEqual(numbers[0]);
    expect([origin, first, second].map((each) => each.hasDrawnAll)).toEqual([false, true, false]);
    expect(draw(second)).toEqual(numbers[1]);
    expect([origin, first, second].map((each) => each.hasDrawnAll)).toEqual([false, false, false]);
    expect([first.seed, first.device]).toEqual([4, "cpu"]);
  });

  it("takes numbers and bigints alike", () => {
    expect(draw(torch.generator(2 ** 40))).toEqual(draw(torch.generator(2n ** 40n)));
    expect(draw(torch.generator(2n ** 64n - 1n))).not.toEqual(draw(torch.generator(0)));
  });

  it.each([
    [-1, "Expected 0 to 2**64 - 1 for seed but received -1"],
    [-1n, "Expected 0 to 2**64 - 1 for seed but received -1"],
    [2n ** 64n, "Expected 0 to 2**64 - 1 for seed but received 18446744073709551616"],
    [
      2 ** 53,
      "Expected a number up to 2**53 - 1 for seed but received 9007199254740992, which may be rounded; pass a bigint",
    ],
    [0.5, "Expected an integer for seed but received 0.500000"],
    [Number.NaN, "Expected an integer for seed but received nan"],
  ])("refuses the seed %s", (seed, text) => {
    expect(() => torch.generator(seed)).toThrow(text);
    expect(() => torch.manualSeed(seed)).toThrow(text);
  });

  it("is refused by name where something else is given", () => {
    const generator = { handle: torch.scope() } as unknown as torch.Generator;
    expect(() => torch.randn([1], { generator })).toThrow(
      /^aten::randn\.generator\(\): Expected a Generator for generator/,
    );
  });
});

describe("manualSeed", () => {
  it("seeds the default generator", () => {
    const numbers = (): number[] => {
      torch.manualSeed(11);
      return Array.from(torch.rand([4]).toFloat32Array());
    };
    expect(numbers()).toEqual(numbers());
    expect(numbers()).toEqual(
      Array.from(torch.rand([4], { generator: torch.generator(11) }).toFloat32Array()),
    );
  });
});
