import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { positionTable } from "../embeddings.ts";
import { positionScale } from "./position-scale.ts";

const table = (side: number, scale: number, width = 48): torch.Tensor =>
  positionTable({ h: side, w: side, width, baseSize: side, interpolationScale: scale });

describe("positionScale", () => {
  const scales = [0.25, 0.5, 0.95, 1, 1.7, 2, 4, 5.625, 1 / 3];
  const cases = [2, 4, 16, 64].flatMap((side) => scales.map((scale) => ({ side, scale })));

  it.each(cases)("finds $scale in the table of $side × $side", ({ side, scale }) => {
    torch.tidy(() => {
      expect(positionScale(table(side, scale), side)).toBeCloseTo(scale, 5);
    });
  });

  it.each(["float16", "bfloat16"] as const)("finds it in a table rounded to %s", (dtype) => {
    torch.tidy(() => {
      for (const side of [8, 32, 64]) {
        for (const scale of [0.25, 0.5, 1, 1.7, 2]) {
          expect(positionScale(table(side, scale).to({ dtype }), side)).toBe(scale);
        }
      }
    });
  });

  it("finds it at the width of XL/2", () => {
    torch.tidy(() => {
      expect(positionScale(table(32, 1.7, 1152), 32)).toBe(1.7);
      expect(positionScale(table(32, 0.25, 1152), 32)).toBe(0.25);
    });
  });

  it("knows a table of something else", () => {
    torch.tidy(() => {
      expect(positionScale(torch.zeros([1, 16, 48]), 4)).toBeUndefined();
      expect(positionScale(torch.randn([1, 16, 48]), 4)).toBeUndefined();
      expect(positionScale(table(4, 1).mul(0.5), 4)).toBeUndefined();
      const oneAxis = positionTable({ h: 1, w: 16, width: 48, baseSize: 4, interpolationScale: 1 });
      expect(positionScale(oneAxis, 4)).toBeUndefined();
      expect(positionScale(torch.zeros([1, 16, 50]), 4)).toBeUndefined();
    });
  });
});
