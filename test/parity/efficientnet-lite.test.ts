import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EfficientNetLite } from "../../src/evaluation/networks/efficientnet-lite.ts";
import * as torch from "../../src/torch/index.ts";
import { writeSafetensors } from "../../src/weights/index.ts";
import { runPython } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-efficientnet-"));
const path = join(folder, "lite0.pth");
/** Even and odd sides, which TensorFlow pads otherwise. */
const sizes = [
  [96, 96],
  [65, 98],
] as const;
let expected: number[][][];

beforeAll(async () => {
  const script = fileURLToPath(new URL("efficientnet-lite.py", import.meta.url));
  expected = (await runPython(script, { path, sizes })) as typeof expected;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("EfficientNetLite", () => {
  it("has the features of PyTorch's operators in float64, norms folded into convolutions", () => {
    using network = EfficientNetLite.fromFile(path);
    for (const [i, [height, width]] of sizes.entries()) {
      torch.tidy(() => {
        const generator = torch.generator(height);
        const pictures = torch.rand([2, 3, height, width], { generator });
        const wanted = torch.tensor(expected[i] ?? [], { dtype: "float64" });
        const found = network.features(pictures).to({ dtype: "float64" });
        expect(found.shape).toEqual([2, 1280]);
        expect(wanted.std().item()).toBeGreaterThan(0.1);
        expect(found.sub(wanted).norm().item() / wanted.norm().item()).toBeLessThan(1e-5);
      });
    }
  });

  it("refuses files of other networks, and leaves nothing behind", async () => {
    const other = join(folder, "other.safetensors");
    const tensor = torch.ones([4]);
    await writeSafetensors(other, new Map([["_conv_stem.weight", tensor]]));
    tensor.dispose();
    const before = torch.memory().tensors;
    expect(() => EfficientNetLite.fromFile(other)).toThrow(
      /tensor _conv_stem\.weight.*a convolution of two dimensions.*the shape \[4\]/,
    );
    EfficientNetLite.fromFile(path)[Symbol.dispose]();
    expect(torch.memory().tensors).toBe(before);
  });
});
