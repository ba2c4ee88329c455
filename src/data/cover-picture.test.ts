import { describe, expect, it } from "vitest";
import { type CropPlace, RgbImage } from "../images/index.ts";
import { coverPicture, hasOneCover } from "./cover-picture.ts";

/** A picture whose red is 10 times the column and whose green is 10 times the row. */
function grid(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data.set([10 * (i % width), 10 * Math.floor(i / width), 0], i * 3);
  }
  return new RgbImage(width, height, data);
}

const corner = ({ data }: RgbImage): number[] => [...data.subarray(0, 2)];

const covered = (
  image: RgbImage,
  width: number,
  height: number,
  place: CropPlace,
  mirrored = false,
): Promise<RgbImage> => coverPicture(image, { width, height, kernel: "linear", place, mirrored });

describe("hasOneCover", () => {
  it("is so where nothing is cut", () => {
    expect(hasOneCover({ width: 30, height: 30 }, { width: 8, height: 8 })).toBe(true);
    expect(hasOneCover({ width: 30, height: 15 }, { width: 8, height: 4 })).toBe(true);
    expect(hasOneCover({ width: 31, height: 15 }, { width: 8, height: 4 })).toBe(true);
    expect(hasOneCover({ width: 30, height: 20 }, { width: 8, height: 8 })).toBe(false);
  });
});

describe("coverPicture", () => {
  it("cuts the middle, or another place", async () => {
    expect(corner(await covered(grid(8, 4), 4, 4, "center"))).toEqual([20, 0]);
    expect(corner(await covered(grid(4, 8), 4, 4, "center"))).toEqual([0, 20]);
    expect(corner(await covered(grid(8, 4), 4, 4, 0))).toEqual([0, 0]);
    expect(corner(await covered(grid(8, 4), 4, 4, 0.999))).toEqual([40, 0]);
  });

  it("mirrors what it cut", async () => {
    const mirrored = await covered(grid(8, 4), 4, 4, 0, true);
    expect(corner(mirrored)).toEqual([30, 0]);
    expect([...mirrored.data.subarray(9, 11)]).toEqual([0, 0]);
  });

  it("resizes to the size asked for", async () => {
    const { width, height } = await covered(grid(20, 9), 8, 4, "center");
    expect([width, height]).toEqual([8, 4]);
  });
});
