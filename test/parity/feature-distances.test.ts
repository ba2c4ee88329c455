import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { frechetDistance } from "../../src/evaluation/distances/frechet-distance.ts";
import { kernelDistance } from "../../src/evaluation/distances/kernel-distance.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

/** Rows of correlated features of different scales. */
function features(count: number, width: number, seed: number): Float32Array[] {
  return torch.tidy(() => {
    const generator = torch.generator(seed);
    const mixed = torch
      .randn([count, width], { generator })
      .mm(torch.randn([width, width], { generator }))
      .mul(torch.rand([width], { generator }))
      .add(torch.rand([width], { generator }));
    return (mixed.tolist() as number[][]).map((row) => Float32Array.from(row));
  });
}

const many = [features(120, 24, 1), features(90, 24, 2)] as const;
const few = [features(10, 24, 3), features(7, 24, 4)] as const;
const SEED = 5;
const SUBSETS = 6;
const subsets = { subsets: SUBSETS, subsetSize: 30, seed: SEED };

let answers: [many: number, few: number, kernel: { distance: number; std: number }];

beforeAll(async () => {
  const script = fileURLToPath(new URL("feature-distances.py", import.meta.url));
  const listed = ([generated, references]: typeof many) => ({
    generated: generated.map((row) => Array.from(row)),
    references: references.map((row) => Array.from(row)),
  });
  const seeds = Array.from(
    { length: SUBSETS },
    (_, i) => `${torch.stream(SEED, "kernel-distance", i).seed}`,
  );
  answers = (await runPython(script, [
    { action: "frechet", ...listed(many) },
    { action: "singular", ...listed(few) },
    { action: "kernel", ...listed(many), size: 30, seeds },
  ])) as typeof answers;
});

describe("frechetDistance", () => {
  it("is that of scipy's matrix square root", () => {
    const { distance, warning } = frechetDistance(...many);
    expect(answers[0]).toBeGreaterThan(1);
    expect(Math.abs(distance / answers[0] - 1)).toBeLessThan(1e-10);
    expect(warning).toBeUndefined();
  });

  it("is exact where there are fewer pictures than features", () => {
    const { distance } = frechetDistance(...few);
    expect(Math.abs(distance / answers[1] - 1)).toBeLessThan(1e-9);
  });
});

describe("kernelDistance", () => {
  it("has NumPy's mean and deviation over the same subsets", () => {
    const { distance, std } = kernelDistance(...many, subsets);
    expect(answers[2].std).toBeGreaterThan(0);
    expect(Math.abs(distance / answers[2].distance - 1)).toBeLessThan(1e-10);
    expect(Math.abs(std / answers[2].std - 1)).toBeLessThan(1e-9);
  });
});
