import { expect, it } from "vitest";
import { NearestPictures } from "./nearest-pictures.ts";

const row = (...values: number[]): Float32Array => Float32Array.from(values);

const LABELS = ["fox", "owl", "hen"].map((thing) => ({ thing, style: "flat" }));
const PIXELS = [row(1, 0, 0), row(0, 1, 0), row(0, 0, 1)];
const CONTENT = PIXELS.map((each) => each.map((value) => 1000 * value));

it("finds by pixels, by content and by both with equal weight, whatever the scale of each", () => {
  const known = new NearestPictures(LABELS, { pixels: PIXELS, content: CONTENT });
  // Hardly nearer to the owl by its pixels, and to the hen by its content: it is the fox that is near in both.
  const found = known.rates([LABELS[0] ?? { thing: "", style: "" }], {
    pixels: [row(0.45, 0.5, 0.05)],
    content: [row(450, 50, 500)],
  });
  expect(found.pixels.thingRate).toBe(0);
  expect(found.content?.thingRate).toBe(0);
  expect(found.combined?.thingRate).toBe(1);
});

it("finds by pixels alone without a network", () => {
  const known = new NearestPictures(LABELS, { pixels: PIXELS, content: undefined });
  const found = known.rates(LABELS, { pixels: PIXELS, content: undefined });
  expect(found).toMatchObject({ content: undefined, combined: undefined });
  expect(found.pixels.pairRate).toBe(1);
});
