import { expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { latentMasks, pictureTensor, resolveImageStart } from "./image-inputs.ts";
import type { PictureSize } from "./resolution-bins.ts";

const maskOver = (mask: RgbImage, over: PictureSize, size: PictureSize): Promise<Tensor> =>
  latentMasks(mask, [over], size, { vaeScaleFactor: 2, times: 3 });

it("scales bytes to [-1, 1], channels first", async () => {
  const image = new RgbImage(2, 1, Uint8Array.from([0, 51, 255, 255, 204, 0]));
  const tensor = await pictureTensor([image, image], { width: 2, height: 1 });
  expect(tensor.shape).toEqual([2, 3, 1, 2]);
  const values = Array.from(tensor.toFloat32Array()).slice(0, 6);
  [-1, 1, -0.6, 0.6, 1, -1].forEach((wanted, i) => {
    expect(values[i]).toBeCloseTo(wanted, 6);
  });
  tensor.dispose();
});

it("crops the middle of a picture of another shape", async () => {
  const wide = new RgbImage(
    4,
    1,
    Uint8Array.from([9, 9, 9, 255, 255, 255, 255, 255, 255, 9, 9, 9]),
  );
  const tensor = await pictureTensor([wide], { width: 2, height: 1 });
  expect(Array.from(tensor.toFloat32Array())).toEqual(Array(6).fill(1));
  tensor.dispose();
});

it("takes a mask's latent pixel from the pixel at its corner", async () => {
  const data = new Uint8Array(4 * 4 * 3);
  data.fill(255, 0, 3); // only the first pixel is white
  const size = { width: 4, height: 4 };
  const mask = await maskOver(new RgbImage(4, 4, data), size, size);
  expect(mask.shape).toEqual([1, 1, 2, 2]);
  expect(Array.from(mask.toFloat32Array())).toEqual([1, 0, 0, 0]);
  mask.dispose();
});

it("lays a mask over each of several pictures by itself", async () => {
  const over = [
    { width: 12, height: 4 },
    { width: 8, height: 4 },
  ];
  const left = new RgbImage(3, 1, Uint8Array.from([255, 255, 255, 0, 0, 0, 0, 0, 0]));
  const size = { width: 8, height: 4 };
  const options = { vaeScaleFactor: 2, times: 2 };
  const before = torch.memory().tensors;
  const thirds = await latentMasks(left, over, size, options);
  const [wide, whole] = [
    [1, 0, 0, 0, 1, 0, 0, 0],
    [1, 1, 0, 0, 1, 1, 0, 0],
  ];
  expect(Array.from(thirds.toFloat32Array())).toEqual([wide, wide, whole, whole].flat());
  expect(thirds.shape).toEqual([4, 1, 2, 4]);
  thirds.dispose();
  expect(torch.memory().tensors).toBe(before);
});

it("lays a mask of any size over its picture, and crops both alike", async () => {
  // The right half, by a picture of 12 x 4 of which the middle 8 columns are drawn, and by masks of its shape and of others.
  for (const [width, height] of [
    [12, 4],
    [24, 8],
    [6, 2],
    [4, 4],
    [2, 30],
  ] as const) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
      Math.floor(i / 3) % width >= width / 2 ? 255 : 0,
    );
    const white = new RgbImage(width, height, data);
    const mask = await maskOver(white, { width: 12, height: 4 }, { width: 8, height: 4 });
    expect(Array.from(mask.toFloat32Array()), `${width}x${height}`).toEqual([
      0, 0, 1, 1, 0, 0, 1, 1,
    ]);
    mask.dispose();
  }
  // The left third lies outside but for one column of two.
  const third = RgbImage.filled(3, 1, [0, 0, 0]);
  third.data.fill(255, 0, 3);
  const mask = await maskOver(third, { width: 12, height: 4 }, { width: 8, height: 4 });
  expect(Array.from(mask.toFloat32Array())).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
  mask.dispose();
});

it("refuses a mask without a picture", () => {
  const maskImage = RgbImage.filled(2, 2, [0, 0, 0]);
  expect(() => resolveImageStart({ maskImage }, 1)).toThrow(
    "Expected no maskImage without image but received a value",
  );
});
