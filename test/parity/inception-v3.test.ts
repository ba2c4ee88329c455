import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InceptionV3, inceptionFeatures } from "../../src/evaluation/networks/inception-v3.ts";
import { RgbImage } from "../../src/images/index.ts";
import * as torch from "../../src/torch/index.ts";
import { writeSafetensors } from "../../src/weights/index.ts";
import { runPython } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-inception-"));
const path = join(folder, "inception.pth");

/** Smaller and larger ones than the network's own size, and one of that. */
const pictures = [
  [64, 48],
  [402, 310],
  [299, 299],
].map(([width = 0, height = 0], seed) => {
  const noise = torch.tidy(() =>
    torch
      .randint(0, 256, [height * width * 3], { generator: torch.generator(seed) })
      .toTypedArray(),
  );
  return new RgbImage(width, height, Uint8Array.from(noise, Number));
});
let expected: number[][];

beforeAll(async () => {
  const script = fileURLToPath(new URL("inception-v3.py", import.meta.url));
  const asked = pictures.map(({ width, height, data }) => ({
    width,
    height,
    pixels: Buffer.from(data).toString("base64"),
  }));
  expected = (await runPython(script, { path, pictures: asked })) as number[][];
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe("InceptionV3", () => {
  it("has the features of PyTorch's operators in float64, norms folded into convolutions", async () => {
    using network = InceptionV3.fromFile(path);
    const rows = await inceptionFeatures(network, pictures);
    expect(rows.map((row) => row.length)).toEqual(pictures.map(() => 2048));
    torch.tidy(() => {
      for (const [i, row] of rows.entries()) {
        const wanted = torch.tensor(expected[i] ?? [], { dtype: "float64" });
        expect(wanted.std().item()).toBeGreaterThan(0.1);
        const distance = torch.fromTypedArray(row).sub(wanted).norm().item();
        expect(distance / wanted.norm().item(), `picture ${i}`).toBeLessThan(1e-5);
      }
    });
  });

  it("refuses files of other networks, and leaves nothing behind", async () => {
    const weights = {
      first: torch.ones([32, 3, 3, 3]),
      wider: torch.ones([32, 3, 5, 5]),
      classes: torch.ones([1000, 2048]),
    };
    const [conv, fc] = ["Conv2d_1a_3x3.conv.weight", "fc.weight"];
    const write = async (name: string, tensors: readonly [string, torch.Tensor][]) => {
      const file = join(folder, `${name}.safetensors`);
      await writeSafetensors(file, new Map(tensors));
      return file;
    };
    const torchvision = await write("torchvision", [
      [conv, weights.first],
      [fc, weights.classes],
    ]);
    const other = await write("other", [[conv, weights.first]]);
    const wider = await write("wider", [[conv, weights.wider]]);
    for (const tensor of Object.values(weights)) tensor.dispose();

    const before = torch.memory().tensors;
    expect(() => InceptionV3.fromFile(torchvision)).toThrow(
      /torchvision\.safetensors: tensor fc\.weight: expected the shape \[1008, 2048\] but found the shape \[1000, 2048\]/,
    );
    expect(() => InceptionV3.fromFile(other)).toThrow(
      /tensor "Conv2d_1a_3x3\.bn\.weight": expected a tensor of that name/,
    );
    expect(() => InceptionV3.fromFile(wider)).toThrow(
      /tensor Conv2d_1a_3x3\.conv\.weight: expected the shape \[32, 3, 3, 3\]/,
    );
    InceptionV3.fromFile(path)[Symbol.dispose]();
    expect(torch.memory().tensors).toBe(before);
  });
});
