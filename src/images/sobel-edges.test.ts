import { expect, it } from "vitest";
import { RgbImage } from "./rgb-image.ts";
import { sobelEdges } from "./sobel-edges.ts";

/** A grey picture of the given rows. */
const grey = (rows: readonly (readonly number[])[]): RgbImage =>
  new RgbImage(
    rows[0]?.length ?? 0,
    rows.length,
    Uint8Array.from(rows.flat().flatMap((v) => [v, v, v])),
  );
const rowsOf = ({ width, height, data }: RgbImage): number[][] =>
  Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => data[3 * (y * width + x)] ?? -1),
  );

it("is white where black meets white, and as bright as the step elsewhere", () => {
  const step = (to: number): RgbImage => grey(Array.from({ length: 3 }, () => [0, 0, to, to]));
  expect(rowsOf(sobelEdges(step(255)))).toEqual(Array.from({ length: 3 }, () => [0, 255, 255, 0]));
  expect(rowsOf(sobelEdges(step(100)))).toEqual(Array.from({ length: 3 }, () => [0, 100, 100, 0]));
});

it("weighs both directions and continues the border", () => {
  // By NumPy: both operators on numpy.pad(…, mode="edge"), numpy.hypot of them, over 4.
  const found = rowsOf(
    sobelEdges(
      grey([
        [10, 20, 90],
        [30, 200, 40],
        [70, 0, 250],
      ]),
    ),
  );
  expect(found).toEqual([
    [78, 104, 15],
    [81, 83, 115],
    [22, 143, 183],
  ]);
});

it("takes colours by their luma, in three equal channels", () => {
  const { data } = sobelEdges(new RgbImage(2, 1, Uint8Array.from([0, 0, 0, 0, 255, 0])));
  expect([...data]).toEqual(Array(6).fill(Math.round(0.587 * 255)));
});
