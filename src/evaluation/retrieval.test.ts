import { describe, expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import { averagedDown, type LabelledImage, retrieval } from "./retrieval.ts";

/** Repeatable random numbers in [0, 1). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function noise(random: () => number, size = 16): RgbImage {
  return new RgbImage(
    size,
    size,
    Uint8Array.from({ length: size * size * 3 }, () => random() * 256),
  );
}

/** A copy with every byte moved by up to `amount`. */
function disturbed(image: RgbImage, amount: number, random: () => number): RgbImage {
  const data = image.data.map((value) =>
    Math.min(255, Math.max(0, value + (random() * 2 - 1) * amount)),
  );
  return new RgbImage(image.width, image.height, data);
}

const STYLES = ["flat", "drawn", "round"];

/** One picture for each of `count` things in each style. */
function references(count: number, random: () => number): LabelledImage[] {
  return Array.from({ length: count }, (_, thing) =>
    STYLES.map((style) => ({ image: noise(random), thing: `thing ${thing}`, style })),
  ).flat();
}

describe("averagedDown", () => {
  it("is the picture itself, over 255, at 16x16", () => {
    const image = noise(uniform(1));
    expect(averagedDown(image)).toEqual(Float32Array.from(image.data, (value) => value / 255));
  });

  it("averages whole blocks of a larger picture", () => {
    const data = new Uint8Array(64 * 64 * 3);
    // The top left block of 4x4: four white pixels in sixteen; its neighbour stays black.
    for (let x = 0; x < 4; x += 1) data.fill(255, x * 3, x * 3 + 3);
    const averaged = averagedDown(new RgbImage(64, 64, data));
    expect([...averaged.subarray(0, 6)]).toEqual([0.25, 0.25, 0.25, 0, 0, 0]);
  });

  it("weighs pixels that a cell covers in part, keeping the mean of any size", () => {
    for (const [width, height] of [
      [20, 33],
      [7, 16],
      [1, 1],
      [100, 3],
    ] as const) {
      const random = uniform(width);
      const data = Uint8Array.from({ length: width * height * 3 }, () => random() * 256);
      const mean = (values: ArrayLike<number>): number =>
        Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(averagedDown(new RgbImage(width, height, data)))).toBeCloseTo(
        mean(data) / 255,
        5,
      );
    }
  });
});

describe("retrieval", () => {
  it("finds every thing and style in slightly disturbed copies", () => {
    const random = uniform(2);
    const all = references(20, random);
    const generated = all.map((labelled) => ({
      ...labelled,
      image: disturbed(labelled.image, 40, random),
    }));
    expect(retrieval(generated, all)).toEqual({
      thingRate: 1,
      thingOfFiveRate: 1,
      styleRate: 1,
      bothRate: 1,
      chance: { thing: 1 / 20, style: 1 / 3 },
      n: 60,
    });
  });

  it("counts thing, style and both apart", () => {
    const [a, b, c, d] = references(2, uniform(3)).filter(({ style }) => style !== "round");
    if (!a || !b || !c || !d) throw new Error("expected four references");
    const claims = [
      { ...a, image: a.image },
      { ...a, image: b.image },
      { ...a, image: c.image },
      { ...a, image: d.image },
    ];
    expect(retrieval(claims, [a, b, c, d])).toMatchObject({
      thingRate: 0.5,
      styleRate: 0.5,
      bothRate: 0.25,
    });
  });

  it("stays at chance on noise", () => {
    const random = uniform(4);
    const all = references(20, random);
    const generated = Array.from({ length: 600 }, (_, index) => ({
      image: noise(random),
      thing: `thing ${index % 20}`,
      style: STYLES[index % 3] as string,
    }));
    const { thingRate, styleRate, bothRate, chance } = retrieval(generated, all);
    // Three standard deviations of 600 draws.
    expect(Math.abs(thingRate - chance.thing)).toBeLessThan(0.027);
    expect(Math.abs(styleRate - chance.style)).toBeLessThan(0.058);
    expect(bothRate).toBeLessThan(0.034);
  });

  it("weighs chance by how many references carry the labels that were asked for", () => {
    const random = uniform(5);
    const image = noise(random);
    const uneven = [
      { image, thing: "a", style: "flat" },
      { image, thing: "a", style: "flat" },
      { image, thing: "a", style: "drawn" },
      { image, thing: "b", style: "flat" },
    ];
    const { chance } = retrieval(
      [
        { image, thing: "a", style: "drawn" },
        { image, thing: "c", style: "flat" },
      ],
      uneven,
    );
    expect(chance).toEqual({ thing: 0.375, style: 0.5 });
  });

  it("agrees with a plain search, sizes apart", () => {
    const random = uniform(6);
    const all = references(15, random);
    const features = all.map(({ image }) => averagedDown(image));
    const generated = Array.from({ length: 30 }, () => noise(random, 40));
    for (const image of generated) {
      const own = averagedDown(image);
      const distances = features.map((row) =>
        row.reduce((sum, value, k) => sum + (value - (own[k] as number)) ** 2, 0),
      );
      const expected = all[distances.indexOf(Math.min(...distances))] as LabelledImage;
      expect(retrieval([{ ...expected, image }], all)).toMatchObject({ bothRate: 1 });
    }
  });

  it("refuses empty sides", () => {
    const image = noise(uniform(7));
    expect(() => retrieval([], [{ image, thing: "a", style: "b" }])).toThrow(
      "Expected at least one picture for generated but received none",
    );
    expect(() => retrieval([{ image, thing: "a", style: "b" }], [])).toThrow(
      "Expected at least one picture for references but received none",
    );
  });
});
