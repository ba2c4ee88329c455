import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import * as torch from "../../src/torch/index.ts";
import { pixartHere } from "../integration/in-process.ts";
import { DEVICE, IS_GPU, tinyTrainings } from "./device.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const both = tinyTrainings();
/** Where the pictures stay to be looked at. */
const KEPT = process.env.PIXART_TEST_PICTURES;

async function draw(name: string, ...options: string[]): Promise<Uint8Array> {
  const folder = KEPT ?? both.at("pictures");
  mkdirSync(folder, { recursive: true });
  const prompt = "a red apple, noto style";
  const chosen = ["--steps", "10", "--seed", "1", "--out", join(folder, `${name}.png`)];
  const { stdout } = await pixartHere("sample", BASE, prompt, ...chosen, ...options);
  return (await RgbImage.decode(stdout.trim())).data;
}

/** Mean distance of channels, of 255. */
function distance(picture: Uint8Array, other: Uint8Array): number {
  expect(picture.length).toBe(other.length);
  return picture.reduce((sum, v, i) => sum + Math.abs(v - (other[i] ?? 0)), 0) / picture.length;
}

describe(`a picture by models/emoji-demo on ${DEVICE}`, () => {
  let here: Uint8Array;
  beforeAll(async () => {
    here = await draw("cpu", "--device", "cpu");
  });

  it("is the CPU's", async () => {
    const there = await draw("float32", "--device", DEVICE);
    expect(Math.max(...here) - Math.min(...here)).toBeGreaterThan(100);
    if (IS_GPU) expect(distance(there, here)).toBeLessThan(1);
    else expect(there).toEqual(here);
  });

  it("is nearly that in bfloat16", async () => {
    const half = await draw("bfloat16", "--device", DEVICE, "--dtype", "bfloat16");
    expect(distance(half, here)).toBeGreaterThan(0);
    expect(distance(half, here)).toBeLessThan(6);
  });

  it("records the seed of noise that any machine can draw again, which that of a GPU is not", async () => {
    const own = await PixArtAlphaPipeline.fromPretrained(BASE, { device: DEVICE });
    const seedOf = async (device: torch.Device): Promise<number | undefined> => {
      const options = { numInferenceSteps: 2, generator: torch.generator(7, device) };
      const { images } = await own("a red apple, noto style", options);
      return images[0]?.metadata?.seed;
    };
    expect(await seedOf("cpu")).toBe(7);
    expect(await seedOf(DEVICE)).toBe(IS_GPU ? undefined : 7);
    own.dispose();
  });

  it("is drawn with 8-bit weights on the CPU, and refused with them elsewhere", async () => {
    const eight = ["--quantize", "int8", "--device"];
    const rounded = await draw("int8", ...eight, "cpu");
    expect(distance(rounded, here)).toBeGreaterThan(0);
    expect(distance(rounded, here)).toBeLessThan(6);
    if (IS_GPU)
      await expect(draw("int8-there", ...eight, DEVICE)).rejects.toThrow(
        "Expected cpu for device with quantize",
      );
  });
});
