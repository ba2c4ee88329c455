import { describe, expect, it } from "vitest";
import { coverOf } from "./cover.ts";

describe("coverOf", () => {
  it.each([
    ["a square from a wide one", [200, 100], [50, 50], [100, 50], [25, 0]],
    ["a square from a tall one", [100, 200], [50, 50], [50, 100], [0, 25]],
    ["a bucket that is wider", [100, 100], [80, 40], [80, 80], [0, 20]],
    ["a bucket that is less wide", [300, 100], [80, 40], [120, 40], [20, 0]],
    ["a larger one", [10, 20], [40, 40], [40, 80], [0, 20]],
    ["sides rounded down", [640, 427], [512, 512], [767, 512], [128, 0]],
    // 255 / 2 = 127.5 and 257 / 2 = 128.5: both nearest to the even 128.
    ["half a pixel to the even one", [767, 512], [512, 512], [767, 512], [128, 0]],
    ["half a pixel to the even one", [769, 512], [512, 512], [769, 512], [128, 0]],
  ] as const)("%s", (_, [w, h], [width, height], resized, offset) => {
    const cover = coverOf({ width: w, height: h }, { width, height }, "center");
    expect([cover.resized.width, cover.resized.height]).toEqual(resized);
    expect([cover.left, cover.top]).toEqual(offset);
  });

  it("never leaves a side short, whatever is rounded", () => {
    for (let width = 1; width < 60; width++) {
      for (let height = 1; height < 60; height++) {
        const target = { width: 448, height: 320 };
        const { resized, left, top } = coverOf({ width, height }, target, 0.999);
        expect(resized.width - left).toBeGreaterThanOrEqual(target.width);
        expect(resized.height - top).toBeGreaterThanOrEqual(target.height);
      }
    }
  });

  it("gives every place along the longer side the same share", () => {
    const lefts = Array.from(
      { length: 12 },
      (_, i) => coverOf({ width: 6, height: 4 }, { width: 4, height: 4 }, i / 12).left,
    );
    expect(lefts).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });
});
