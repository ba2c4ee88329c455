import { describe, expect, it } from "vitest";
import { fittingPictures } from "./fitting-pictures.ts";
import { LinearPreview } from "./linear-preview.ts";

const shape = [2, 3, 2, 2];
const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 7));

/** Colours that three channels mean exactly: red is the first, green the second's opposite, blue both and a bit. */
const colours = Float32Array.from({ length: 24 }, (_, i) => {
  const [picture, colour, at] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4];
  const channel = (c: number): number => values[(picture * 3 + c) * 4 + at] ?? 0;
  return [
    0.5 + 0.4 * channel(0),
    0.5 - 0.4 * channel(1),
    0.3 + 0.1 * channel(0) + 0.2 * channel(2),
  ][colour] as number;
});

describe("a linear preview", () => {
  it("finds the map that made the colours", () => {
    const preview = LinearPreview.fit({ shape, values }, colours);
    const { width, height, data } = preview.draw({ shape, values }, 1);
    expect([width, height]).toEqual([2, 2]);
    for (let at = 0; at < 4; at++)
      for (let colour = 0; colour < 3; colour++) {
        const wanted = Math.min(1, Math.max(0, colours[(3 + colour) * 4 + at] ?? 0));
        expect(data[at * 3 + colour]).toBe(Math.round(wanted * 255));
      }
  });

  it("refuses latents that leave it open", () => {
    const flat = { shape, values: new Float32Array(24).fill(1) };
    expect(() => LinearPreview.fit(flat, colours)).toThrow(
      /^Expected latents with linearly independent channels but channel \d is a linear combination of others$/,
    );
  });

  it("is fitted on the same pictures in every process, of many colours", () => {
    const [first, second] = [fittingPictures(16), fittingPictures(16)];
    expect(first).toHaveLength(16);
    expect(first).toEqual(second);
    const seen = new Set(first.flatMap(({ data }) => [...data].map((value) => value >> 4)));
    expect(seen.size).toBe(16);
  });
});
