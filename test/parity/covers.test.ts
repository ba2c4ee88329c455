import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { trainingBuckets } from "../../src/data/buckets.ts";
import { type Cover, coverOf } from "../../src/images/index.ts";
import { nearestShape } from "../../src/images/resolution-table.ts";
import { runPython } from "./python.ts";

interface Answer {
  /** Height and width. */
  readonly bucket: readonly [number, number];
  readonly cover: Cover;
  readonly square: Cover;
}

/** Widths and heights in a fixed disorder: ratios from below the first bucket to beyond the last. */
const SIZES = Array.from({ length: 3000 }, (_, i) => {
  const width = 64 + ((i * 7919) % 2903);
  return [
    width,
    Math.max(16, Math.round(width * 2 ** (((i * 104_729) % 997) / 200 - 2.5))),
  ] as const;
});

describe("pictures of 3000 sizes", () => {
  let answers: readonly Answer[];
  beforeAll(async () => {
    const script = fileURLToPath(new URL("covers.py", import.meta.url));
    answers = (await runPython(script, SIZES)) as Answer[];
  });

  it("fall into diffusers' buckets", () => {
    const table = trainingBuckets(2048);
    const ours = SIZES.map(([width, height]) => nearestShape({ width, height }, table));
    expect(ours.map(({ height, width }) => [height, width])).toEqual(
      answers.map(({ bucket }) => bucket),
    );
    expect(new Set(ours).size).toBe(40);
  });

  it("are resized and cut as PixArt's data set and torchvision do it, to the pixel", () => {
    const ours = SIZES.map(([width, height], i) => {
      const [bucketHeight, bucketWidth] = answers[i]?.bucket ?? [0, 0];
      const size = { width, height };
      return [
        coverOf(size, { width: bucketWidth, height: bucketHeight }, "center"),
        coverOf(size, { width: 512, height: 512 }, "center"),
      ];
    });
    expect(ours).toEqual(answers.map(({ cover, square }) => [cover, square]));
  });
});
