import { describe, expect, it } from "vitest";
import { contactSheet } from "./contact-sheet.ts";
import { RgbImage } from "./rgb-image.ts";

const red = RgbImage.filled(64, 64, [255, 0, 0]);
const wide = RgbImage.filled(64, 32, [0, 0, 255]);

const pixel = (image: RgbImage, x: number, y: number): number[] => [
  ...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
];

/** Pixels of a rectangle that are not of the given colour. */
function marks(
  image: RgbImage,
  top: number,
  bottom: number,
  background: readonly number[],
): number {
  let count = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let x = 0; x < image.width; x += 1) {
      if (pixel(image, x, y).some((value, channel) => value !== background[channel])) count += 1;
    }
  }
  return count;
}

describe("contactSheet", () => {
  it("puts pictures into a grid of equal cells, enlarged and centred, on white", async () => {
    const sheet = await contactSheet([red, wide, red], { columns: 2 });
    // Two cells of 128 with gaps of 8 round each; 64 pixels are doubled once.
    expect([sheet.width, sheet.height]).toEqual([8 + 2 * 136, 8 + 2 * 136]);
    expect(pixel(sheet, 4, 4)).toEqual([255, 255, 255]);
    expect(pixel(sheet, 8, 8)).toEqual([255, 0, 0]);
    expect(pixel(sheet, 135, 135)).toEqual([255, 0, 0]);
    expect(pixel(sheet, 200, 8 + 16)).toEqual([255, 255, 255]);
    expect(pixel(sheet, 200, 8 + 64)).toEqual([0, 0, 255]);
    expect(pixel(sheet, 8, 144)).toEqual([255, 0, 0]);
    expect(pixel(sheet, 200, 200)).toEqual([255, 255, 255]);
  });

  it("enlarges to crisp squares or smoothly", async () => {
    const twoPixels = new RgbImage(2, 1, Uint8Array.from([0, 0, 0, 255, 255, 255]));
    const values = async (scale: "nearest" | "lanczos"): Promise<Set<number>> => {
      const sheet = await contactSheet([twoPixels], { columns: 1, cell: 64, scale });
      return new Set(Array.from({ length: 64 }, (_, x) => pixel(sheet, 8 + x, 40)[0] as number));
    };
    expect([...(await values("nearest"))]).toEqual([0, 255]);
    expect((await values("lanczos")).size).toBeGreaterThan(2);
  });

  it("writes captions under the pictures, dark on light and light on dark", async () => {
    const options = { columns: 2, labels: ["a <b> & 'c' \u0001", ""], cell: 100 };
    const light = await contactSheet([red, red], options);
    expect(light.height).toBe(8 + 100 + 15 + 8);
    expect(marks(light, 109, light.height, [255, 255, 255])).toBeGreaterThan(50);
    const dark = await contactSheet([red, red], { ...options, background: [20, 20, 30] });
    expect(marks(dark, 109, dark.height, [20, 20, 30])).toBeGreaterThan(50);
    const blank = await contactSheet([red, red], { ...options, labels: ["", ""] });
    expect(blank.height).toBe(8 + 100 + 8);
  });

  it("makes a row as high as its longest caption", async () => {
    const long = "a very long caption that needs more than a line";
    const sheet = await contactSheet([red, red, red], {
      columns: 1,
      labels: [long, "short", ""],
      cell: 100,
    });
    expect(sheet.height).toBe(8 + 3 * (100 + 8) + 4 * 15);
  });

  it("refuses what makes no sheet", async () => {
    await expect(contactSheet([], { columns: 1 })).rejects.toThrow(
      "Expected at least one picture for images but received none",
    );
    await expect(contactSheet([red], { columns: 0 })).rejects.toThrow(
      "Expected a whole number above 0 for columns but received 0",
    );
    await expect(contactSheet([red], { columns: 1, cell: 1.5 })).rejects.toThrow(
      "Expected a whole number above 0 for cell but received 1.5",
    );
    await expect(contactSheet([red, red], { columns: 1, labels: ["x"] })).rejects.toThrow(
      "Expected one label per picture (2) for labels but received 1",
    );
  });
});
