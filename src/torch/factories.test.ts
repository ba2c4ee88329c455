import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { InvalidTypeError, InvalidValueError } from "../errors/index.ts";
import * as torch from "./index.ts";

describe("tensor", () => {
  it.each([
    { data: 2.5, shape: [] },
    { data: [], shape: [0] },
    { data: [[]], shape: [1, 0] },
    { data: [1, 2, 3], shape: [3] },
    { data: [[[1], [2]]], shape: [1, 2, 1] },
  ])("takes $data as shape $shape", ({ data, shape }) => {
    const made = torch.tensor(data);
    expect(made.shape).toEqual(shape);
    expect(made.dtype).toBe("float32");
    expect(made.tolist()).toEqual(data);
  });

  it("refuses rows of different shapes", () => {
    expect(() => torch.tensor([[1, 2], [3]])).toThrow(
      new InvalidValueError("Expected rows of equal shape for data but received [2] and [1]"),
    );
    expect(() => torch.tensor([[1], 2])).toThrow(
      new InvalidValueError("Expected rows of equal shape for data but received [1] and []"),
    );
  });

  it.each(torch.dtypes)("makes %s", (dtype) => {
    const made = torch.tensor(
      [
        [0, 1],
        [1, 0],
      ],
      { dtype },
    );
    expect(made.dtype).toBe(dtype);
    expect(made.tolist()).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it("keeps all 53 bits of a number in int64, and refuses fractions there", () => {
    const made = torch.tensor([2 ** 53 - 1, -(2 ** 53) + 1], { dtype: "int64" });
    expect(made.toTypedArray()).toEqual(BigInt64Array.of(2n ** 53n - 1n, 1n - 2n ** 53n));
    expect(() => torch.tensor([0.5], { dtype: "int64" })).toThrow(RangeError);
  });

  it("rounds numbers once, from float64", () => {
    expect(torch.tensor(1 / 3).item()).toBe(Math.fround(1 / 3));
    expect(torch.tensor(1 / 3, { dtype: "float64" }).item()).toBe(1 / 3);
    expect(torch.tensor(257, { dtype: "bfloat16" }).item()).toBe(256);
    expect(torch.tensor(1e6, { dtype: "float16" }).item()).toBe(Number.POSITIVE_INFINITY);
  });

  it("refuses a dtype that there is not", () => {
    expect(() => torch.zeros([1], { dtype: "float8" as torch.DType })).toThrow(
      new InvalidValueError(
        "Expected one of uint8, int8, int16, int32, int64, float16, float32, float64, bool, bfloat16 for dtype but received float8",
      ),
    );
  });

  it("refuses a device that there is not", () => {
    expect(() => torch.zeros([1], { device: "abacus" })).toThrow(/device.*abacus/i);
  });

  it("leaves one tensor alive, whatever it was converted from", () => {
    collectGarbage();
    const before = torch.memory().tensors;
    const made = torch.tensor([1, 2], { dtype: "int32" });
    expect(torch.memory().tensors).toBe(before + 1);
    made.dispose();
    expect(torch.memory().tensors).toBe(before);
  });
});

describe("fromTypedArray", () => {
  it.each([
    { array: Float32Array.of(1.5, -2), dtype: "float32" },
    { array: Float64Array.of(0.1, Number.NaN), dtype: "float64" },
    { array: BigInt64Array.of(2n ** 62n, -1n), dtype: "int64" },
    { array: Int32Array.of(2 ** 31 - 1, -(2 ** 31)), dtype: "int32" },
    { array: Int16Array.of(32767, -32768), dtype: "int16" },
    { array: Int8Array.of(127, -128), dtype: "int8" },
    { array: Uint8Array.of(255, 0), dtype: "uint8" },
  ] as const)("takes $dtype in and gives it out", ({ array, dtype }) => {
    const made = torch.fromTypedArray(array);
    expect(made.dtype).toBe(dtype);
    expect(made.shape).toEqual([2]);
    expect(made.toTypedArray()).toEqual(array);
  });

  it("copies", () => {
    const array = Float32Array.of(1, 2);
    const made = torch.fromTypedArray(array);
    array[0] = 9;
    const copy = made.toFloat32Array();
    copy[1] = 9;
    expect(made.tolist()).toEqual([1, 2]);
  });

  it("takes a part of a larger buffer", () => {
    const whole = Float32Array.of(0, 1, 2, 3, 4);
    expect(torch.fromTypedArray(whole.subarray(1, 4)).tolist()).toEqual([1, 2, 3]);
  });

  it("takes a shape, a dtype and a device", () => {
    const made = torch.fromTypedArray(Uint8Array.of(1, 2, 3, 4), [2, 2], { dtype: "float64" });
    expect([made.shape, made.dtype, made.tolist()]).toEqual([
      [2, 2],
      "float64",
      [
        [1, 2],
        [3, 4],
      ],
    ]);
  });

  it.each([
    { shape: [3], text: "Expected 12 bytes of data for shape (3) float32 but received 8" },
    { shape: [], text: "Expected 4 bytes of data for shape () float32 but received 8" },
    { shape: [-2], text: "Expected non-negative sizes of a possible shape but received (-2)" },
    {
      shape: [2 ** 31, 2 ** 31, 2],
      text: "Expected non-negative sizes of a possible shape but received (2147483648, 2147483648, 2)",
    },
    { shape: [1.5], text: "Expected an integer for shape but received 1.500000" },
    {
      shape: [2n ** 64n + 2n],
      text: "Expected an integer of at most 64 bits for shape but received a larger one",
    },
    { shape: [Number.NaN], text: "Expected an integer for shape but received nan" },
  ])("refuses shape $shape for two floats", ({ shape, text }) => {
    expect(() => torch.fromTypedArray(Float32Array.of(1, 2), shape as number[])).toThrow(
      new torch.TorchError(text),
    );
  });

  it("refuses arrays without a dtype of their own", () => {
    expect(() => torch.tensor(Uint32Array.of(1) as unknown as Uint8Array)).toThrow(
      new InvalidTypeError(
        "Expected an array of floats, signed integers or bytes for data but received a Uint32Array",
      ),
    );
  });
});

describe("the other makers", () => {
  it("fill", () => {
    expect(torch.full([2], 7, { dtype: "int32" }).tolist()).toEqual([7, 7]);
    expect(torch.full([1], 0.5).dtype).toBe("float32");
    expect(torch.zeros([2, 1]).tolist()).toEqual([[0], [0]]);
    expect(torch.ones([1, 2], { dtype: "bool" }).tolist()).toEqual([[1, 1]]);
    expect(torch.eye(2).tolist()).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it("count", () => {
    expect(torch.arange(1, 7, 2).tolist()).toEqual([1, 3, 5]);
    expect(torch.linspace(0, 1, 3).tolist()).toEqual([0, 0.5, 1]);
  });

  it("take raw bytes of a dtype without an array", () => {
    const one = Uint8Array.of(0x80, 0x3f);
    const made = torch.fromBytes(one, "bfloat16", [1]);
    expect(made.item()).toBe(1);
    expect(made.toBytes()).toEqual(one);
  });

  it("make shapes without memory", () => {
    const made = torch.zeros([2 ** 20, 2 ** 20], { device: "meta" });
    expect([made.device, made.numel]).toEqual(["meta", 2 ** 40]);
    const small = torch.zeros([2], { device: "meta" });
    expect(() => small.toFloat32Array()).toThrow(/^Cannot copy out of meta tensor; no data!/);
  });

  it("say that memory is short instead of ending the process", () => {
    expect(() => torch.zeros([2 ** 50])).toThrow(/^aten::zeros\(\): .*(allocate|enough) memory/);
  });
});

describe("mapTensor", () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-mapped-"));
  let file = 0;
  beforeAll(() => {
    const path = join(folder, "numbers");
    // From byte 1 the floats lie at odd places.
    writeFileSync(path, Buffer.concat([Float32Array.of(1, 2, 3), Buffer.of(9)].map(bytesOf)));
    file = openSync(path, "r");
  });
  afterAll(() => {
    closeSync(file);
    rmSync(folder, { recursive: true });
  });
  const bytesOf = (array: NodeJS.TypedArray): Buffer =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength);

  it("reads any range", () => {
    const floats = { byteOffset: 4, byteLength: 8, dtype: "float32", shape: [2, 1] } as const;
    expect(torch.mapTensor(file, floats).tolist()).toEqual([[2], [3]]);
    const bytes = { byteOffset: 3, byteLength: 10, dtype: "uint8", shape: [10] } as const;
    expect(torch.mapTensor(file, bytes).tolist()).toEqual([63, 0, 0, 0, 64, 0, 0, 64, 64, 9]);
    const odd = { byteOffset: 1, byteLength: 4, dtype: "int32", shape: [] } as const;
    expect(torch.mapTensor(file, odd).item()).toBe(0x003f8000);
    const none = { byteOffset: 13, byteLength: 0, dtype: "float32", shape: [0] } as const;
    expect(torch.mapTensor(file, none).shape).toEqual([0]);
  });

  it.runIf(process.platform === "linux")("gives its pages back, and reads them again", () => {
    const path = join(folder, "large");
    const count = 2 ** 22;
    writeFileSync(path, bytesOf(new Float32Array(count).fill(3)));
    const large = openSync(path, "r+");
    const range = {
      byteOffset: 0,
      byteLength: 4 * count,
      dtype: "float32",
      shape: [count],
    } as const;
    // What the suite of other processors may wish is a copy, and no page of it is the file's.
    vi.stubEnv("PIXART_MISALIGN", "0");
    const mapped = torch.mapTensor(large, range);
    vi.unstubAllEnvs();
    fsyncSync(large);
    closeSync(large);
    const resident = (): number => {
      const line = /RssFile:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
      return Number(line?.[1]) * 1024;
    };
    mapped.narrow(0, 0, 1024).fill_(5); // changed pages are the process's own
    expect(mapped.sum().item()).toBe(3 * count + 2 * 1024);
    const before = resident();
    torch.pageOut([mapped]);
    expect(before - resident()).toBeGreaterThan(3 * count);
    expect(mapped.sum().item()).toBe(3 * count + 2 * 1024);
  });

  it("refuses ranges that the file does not have", () => {
    const range = { byteOffset: 8, byteLength: 8, dtype: "float32", shape: [2] } as const;
    expect(() => torch.mapTensor(file, range)).toThrow(
      "Expected a file of 16 bytes or more but received one of 13",
    );
    expect(() => torch.mapTensor(file, { ...range, byteOffset: -4 })).toThrow(
      "Expected a size of at least 0 for offset but received -4",
    );
    expect(() => torch.mapTensor(file, { ...range, shape: [3] })).toThrow(
      "Expected 12 bytes of data for shape (3) float32 but received 8",
    );
    expect(() => torch.mapTensor(2 ** 30, range)).toThrow(
      "the file could not be read: Bad file descriptor",
    );
  });
});
