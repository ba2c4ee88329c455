import { expect, it } from "vitest";
import { sizesOf } from "./sizes.ts";

it("keeps a model's area in every shape", () => {
  for (const { size } of sizesOf(1024)) {
    const [width = 0, height = 0] = size.split("x").map(Number);
    expect(width * height).toBeGreaterThan(0.98 * 1024 ** 2);
    expect(width * height).toBeLessThan(1.02 * 1024 ** 2);
    expect([width % 8, height % 8]).toEqual([0, 0]);
  }
});

it("enlarges small models' pictures", () => {
  expect(sizesOf(64)[0]).toEqual({ size: "512x512", text: "square, 512 × 512" });
});
