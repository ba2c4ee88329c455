import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import * as torch from "../torch/index.ts";
import { PatchEmbed, positionTable, timestepSinusoid, unpatchify } from "./embeddings.ts";

beforeEach(collectGarbage);

const close = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 6);
  });
};

const pick = (values: ArrayLike<number>, indices: readonly number[]): number[] =>
  indices.map((i) => values[i] ?? Number.NaN);

describe("timestepSinusoid", () => {
  it("has cosines first and divides exponents by half the width", () => {
    const row = timestepSinusoid(torch.tensor([999])).toFloat32Array();
    const expected = [
      [0, 0.99965],
      [1, 0.963785],
      [2, -0.399021],
      [127, 0.994243],
      [128, -0.026461],
      [129, -0.266679],
      [130, -0.916942],
      [255, 0.107147],
    ] as const;
    for (const [i, value] of expected) {
      // Libraries' exponentials differ in the last digit, by processor: the angle is off by as much of itself, and so are both.
      const angle = 999 * 10_000 ** (-(i % 128) / 128);
      expect(Math.abs((row[i] ?? Number.NaN) - value)).toBeLessThan(1e-6 + angle * 2 ** -23);
    }
  });

  it("ends at a ten-thousandth where the shift is 1", () => {
    const row = timestepSinusoid(torch.tensor([1000], { dtype: "int64" }), 1).toFloat32Array();
    close(pick(row, [0, 127, 255]), [Math.cos(1000), Math.cos(0.1), Math.sin(0.1)]);
  });
});

describe("positionTable", () => {
  it("encodes the column before the row, at the released model's size", () => {
    const grid = { h: 64, w: 64, width: 1152, baseSize: 64, interpolationScale: 2 };
    const token = positionTable(grid)
      .select(1, 64 + 2)
      .toFloat32Array();
    close(
      pick(token, [0, 1, 287, 288, 289, 575, 576, 577, 864, 865]),
      [
        0.841471, 0.824051, 0.00010325, 0.540302, 0.566515, 1, 0.479426, 0.465556, 0.877583,
        0.885018,
      ],
    );
  });

  it("stretches grids of another shape over the same positions", () => {
    const table = positionTable({ h: 2, w: 3, width: 24, baseSize: 4, interpolationScale: 1 });
    expect(table.shape).toEqual([1, 6, 24]);
    const first = table.select(1, 1).toFloat32Array();
    close(pick(first, [0, 1, 2, 6]), [0.9719379, 0.2833236, 0.06184835, 0.2352375]);
    expect([...first.slice(12)]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    const third = table.select(1, 3).toFloat32Array();
    close(pick(third, [12, 18]), [0.9092974, -0.4161468]);
  });
});

describe("PatchEmbed", () => {
  const options = { inChannels: 4, width: 8, patchSize: 2, baseSize: 4, interpolationScale: 1 };

  it("makes a position table once for each grid and keeps only the latest", () => {
    const embed = new PatchEmbed(options);
    const call = (height: number): void => {
      torch.tidy(() => embed.call(torch.zeros([1, 4, height, 2])).shape);
    };
    const before = torch.memory().tensors;
    call(2);
    call(2);
    expect(torch.memory().tensors).toBe(before + 1);
    for (let height = 2; height <= 40; height += 2) call(height);
    expect(torch.memory().tensors).toBe(before + 8);
    embed.forgetPositions();
    expect(torch.memory().tensors).toBe(before);
  });

  it("keeps the tokens' dtype though positions are float32", () => {
    const embed = new PatchEmbed(options).to({ dtype: "bfloat16" });
    const x = torch.zeros([1, 4, 4, 4], { dtype: "bfloat16" });
    expect(embed.call(x).dtype).toBe("bfloat16");
  });
});

describe("unpatchify", () => {
  it("undoes cutting into patches", () => {
    const picture = torch.arange(0, 48).reshape([1, 2, 4, 6]);
    const tokens = picture
      .reshape([1, 2, 2, 2, 3, 2])
      .permute([0, 2, 4, 3, 5, 1]) // (B, h, w, p, p, C)
      .reshape([1, 6, 8]);
    expect(unpatchify(tokens, 2, 3, 2).tolist()).toEqual(picture.tolist());
  });
});
