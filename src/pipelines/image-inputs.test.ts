import { expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import { latentMask, pictureTensor, resolveImageStart } from "./image-inputs.ts";

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
  const mask = await latentMask(new RgbImage(4, 4, data), { width: 4, height: 4 }, 2);
  expect(mask.shape).toEqual([1, 1, 2, 2]);
  expect(Array.from(mask.toFloat32Array())).toEqual([1, 0, 0, 0]);
  mask.dispose();
});

it("refuses a mask without a picture", () => {
  const maskImage = RgbImage.filled(2, 2, [0, 0, 0]);
  expect(() => resolveImageStart({ maskImage }, 1)).toThrow(
    "Expected nothing without image for maskImage but received a value",
  );
});
