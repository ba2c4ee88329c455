import { expect, it } from "vitest";
import { fillInputs } from "./inputs.ts";
import { PIXART_ALPHA } from "./pixart-alpha.ts";
import { captionBytes, checkpointBytes, latentBytes, storageOf } from "./storage.ts";

it("reckons what one picture, one caption and one checkpoint take", () => {
  // 4 × 32 × 32, 4 × 64 × 64 and 4 × 128 × 128 numbers, twice, in float32; 120 × 4096 in bfloat16.
  expect([256, 512, 1024].map(latentBytes)).toEqual([32_768, 131_072, 524_288]);
  expect(captionBytes(120)).toBe(983_040);
  expect(checkpointBytes(PIXART_ALPHA.parameters)).toBe(9_773_697_536);
});

it("counts what stages share once", () => {
  const inputs = fillInputs({ gpus: 64 }, 5);
  const [imagenet, sam, curated, ...others] = storageOf(PIXART_ALPHA, inputs);
  expect(others).toEqual([]);
  expect(imagenet).toMatchObject({ pictures: 1e6, captions: 0, captionHours: 0 });
  expect(sam).toMatchObject({ raw: 3e12, tars: 3000, captions: 9_830_400_000_000 });
  expect(curated?.latents).toEqual([
    { resolution: 256, bytes: 14e6 * 32_768 },
    { resolution: 512, bytes: 14e6 * 131_072 },
    { resolution: 1024, bytes: 14e6 * 524_288 },
  ]);
  // The paper's 24 h and 25 h on 64 V100, each 2.2 times slower than an A100.
  expect(sam?.captionHours).toBeCloseTo(24 / 2.2, 1);
  expect(sam?.latentHours).toBeCloseTo(25 / 2.2, 1);
  expect(curated?.latentHours).toBeCloseTo((3 * 1.4 * 25) / 2.2, 1);
});
