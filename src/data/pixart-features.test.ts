import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { npyBytes, zipBytes } from "../../test/fixtures/numpy-files.ts";
import * as torch from "../torch/index.ts";
import { BadFileError } from "../weights/index.ts";
import { readCaptionFeature, readLatentFeature } from "./pixart-features.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-features-"));
afterAll(() => rmSync(root, { recursive: true }));
const caption = join(root, "a.npz");
const latent = join(root, "a.npy");

type Shape = readonly number[];
const npy = (
  dtype: "float32" | "float16" | "int16" | "int64",
  shape: Shape,
  values: readonly number[],
): Buffer => {
  using tensor = torch.tensor([...values], { dtype: "float32" });
  using wanted = tensor.to({ dtype });
  return npyBytes({ dtype, shape, bytes: wanted.toBytes() });
};

/** Of three tokens, two of them real, and width 2. */
const STATES = [1, 2, 3, 4, 5, 6];
function write({
  states = npy("float32", [1, 3, 2], STATES),
  mask = npy("int64", [1, 3], [1, 1, 0]),
}: {
  readonly states?: Buffer | null;
  readonly mask?: Buffer | null;
} = {}): void {
  const files = {
    ...(states && { "caption_feature.npy": states }),
    ...(mask && { "attention_mask.npy": mask }),
  };
  writeFileSync(caption, zipBytes(files));
}

const shape = { width: 2, tokens: 2, dtype: "float32" } as const;
const expected = "floating-point numbers of shape [1, L, 2], as the text encoder gives";

describe("readCaptionFeature", () => {
  it("gives the states of the real tokens", () => {
    write();
    const states = readCaptionFeature(caption, shape);
    expect([states.dtype, states.shape, states.tolist()]).toEqual([
      "float32",
      [1, 2, 2],
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ]);
  });

  it("converts Σ's half precision, whose mask is int16", () => {
    write({ states: npy("float16", [1, 3, 2], STATES), mask: npy("int16", [1, 3], [1, 1, 0]) });
    const states = readCaptionFeature(caption, { ...shape, dtype: "bfloat16" });
    expect([states.dtype, states.tolist()]).toEqual([
      "bfloat16",
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ]);
  });

  it("takes all tokens for real where there is no mask", () => {
    write({ mask: null });
    expect(readCaptionFeature(caption, { ...shape, tokens: 3 }).shape).toEqual([1, 3, 2]);
  });

  it("does not look at what stands behind the real tokens", () => {
    write({ states: npy("float32", [1, 3, 2], [1, 2, 3, 4, Number.NaN, 6]) });
    expect(readCaptionFeature(caption, shape).tolist()).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
    ]);
  });

  const advice = "it was made from another caption, or with another tokenizer, limit or cleaning";
  it.each<[string, Parameters<typeof write>[0], string]>([
    [
      "no states",
      { states: null },
      "zip: expected an array caption_feature but found none of that name",
    ],
    [
      "another width",
      { states: npy("float32", [1, 2, 3], STATES) },
      `caption_feature: expected ${expected} but found float32 of shape [1, 2, 3]`,
    ],
    [
      "a batch",
      { states: npy("float32", [3, 1, 2], STATES) },
      `caption_feature: expected ${expected} but found float32 of shape [3, 1, 2]`,
    ],
    [
      "whole numbers",
      { states: npy("int64", [1, 3, 2], STATES) },
      `caption_feature: expected ${expected} but found int64 of shape [1, 3, 2]`,
    ],
    [
      "a mask of other length",
      { mask: npy("int64", [1, 2], [1, 1]) },
      "attention_mask: expected shape [1, 3] but found int64 of shape [1, 2]",
    ],
    [
      "a mask with holes",
      { mask: npy("int64", [1, 3], [1, 0, 1]) },
      "attention_mask: expected ones and then zeros but found another order",
    ],
    [
      "another caption",
      { mask: npy("int64", [1, 3], [1, 1, 1]) },
      `attention_mask: expected 2 real tokens, as the tokenizer gives for the caption but found 3; ${advice}`,
    ],
    [
      "another caption, without a mask",
      { mask: null },
      `caption_feature: expected 2 real tokens, as the tokenizer gives for the caption but found 3; ${advice}`,
    ],
    [
      "NaN",
      { states: npy("float32", [1, 3, 2], [1, Number.NaN, 3, 4, 5, 6]) },
      "caption_feature: expected finite numbers but found NaN or an infinity",
    ],
    [
      "an infinity",
      { states: npy("float16", [1, 3, 2], [1, 70000, 3, 4, 5, 6]) },
      "caption_feature: expected finite numbers but found NaN or an infinity",
    ],
  ])("refuses %s", (_, files, message) => {
    write(files);
    expect(() => readCaptionFeature(caption, shape)).toThrow(`${caption}: ${message}`);
    expect(() => readCaptionFeature(caption, shape)).toThrow(BadFileError);
  });
});

describe("readLatentFeature", () => {
  const of = { shape: [1, 1, 2], dtype: "float32" } as const;
  const moments = [-1, 2, 0, 0.5];

  it("gives mean and deviation", () => {
    for (const dtype of ["float32", "float16"] as const) {
      writeFileSync(latent, npy(dtype, [2, 1, 2], moments));
      const [mean, std] = readLatentFeature(latent, of);
      expect([mean.dtype, mean.shape, mean.tolist()]).toEqual([
        "float32",
        [1, 1, 1, 2],
        [[[[-1, 2]]]],
      ]);
      expect([std.dtype, std.shape, std.tolist()]).toEqual([
        "float32",
        [1, 1, 1, 2],
        [[[[0, 0.5]]]],
      ]);
    }
  });

  const wanted = "mean and deviation as floating-point numbers of shape [2, 1, 2]";
  it.each<[string, Buffer, string]>([
    [
      "another size",
      npy("float32", [2, 2, 1], moments),
      `array: expected ${wanted} but found float32 of shape [2, 2, 1]`,
    ],
    [
      "another number of channels",
      npy("float32", [4, 1, 1], moments),
      `array: expected ${wanted} but found float32 of shape [4, 1, 1]`,
    ],
    [
      "whole numbers",
      npy("int64", [2, 1, 2], moments),
      `array: expected ${wanted} but found int64 of shape [2, 1, 2]`,
    ],
    [
      "NaN",
      npy("float32", [2, 1, 2], [Number.NaN, 2, 0, 1]),
      "array: expected finite numbers but found NaN or an infinity",
    ],
    [
      "log-variances",
      npy("float32", [2, 1, 2], [-1, 2, -12, 0.5]),
      "array: expected deviations of 0 or more in the last 1 channels but found -12; PixArt's files contain the deviation and not its logarithm",
    ],
    [
      "a damaged file",
      npy("float32", [2, 1, 2], moments).subarray(0, -3),
      "data: expected 16 bytes for float32 of shape [2, 1, 2] but found 13",
    ],
  ])("refuses %s", (_, bytes, message) => {
    writeFileSync(latent, bytes);
    expect(() => readLatentFeature(latent, of)).toThrow(`${latent}: ${message}`);
    expect(() => readLatentFeature(latent, of)).toThrow(BadFileError);
  });
});

describe("the memory of features", () => {
  it("is only that of what was given out", () => {
    write();
    writeFileSync(latent, npy("float32", [2, 1, 2], [-1, 2, -12, 0.5]));
    collectGarbage();
    const before = torch.memory().tensors;
    for (let i = 0; i < 50; i++) {
      readCaptionFeature(caption, shape).dispose();
      expect(() => readLatentFeature(latent, { shape: [1, 1, 2], dtype: "float32" })).toThrow();
    }
    expect(torch.memory().tensors).toBe(before);
  });
});
