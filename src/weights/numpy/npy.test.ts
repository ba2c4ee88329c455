import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { npyBytes } from "../../../test/fixtures/numpy-files.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { byteSize } from "../safetensors/safetensors-header.ts";
import { readNpy } from "./npy.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-npy-"));
afterAll(() => rmSync(root, { recursive: true }));
const path = join(root, "array.npy");

/** A file by `numpy.save` of `numpy.array([[1, -2.5, 3]], dtype="float32")`. */
const BY_NUMPY = Buffer.from(
  "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAgwAAAQEA=",
  "base64",
);

const read = (bytes: Uint8Array): ReturnType<typeof readNpy> => {
  writeFileSync(path, bytes);
  return readNpy(path);
};

const header = (text: string, data = 0, version = 1): Buffer => {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(Buffer.byteLength(text), 0, length.length);
  const magic = Buffer.from([0x93, ...Buffer.from("NUMPY"), version, 0]);
  return Buffer.concat([magic, length, Buffer.from(text), Buffer.alloc(data)]);
};

const dict = (descr: string, shape: string, order = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe("readNpy", () => {
  it("reads what numpy wrote", () => {
    const { dtype, shape, bytes } = read(BY_NUMPY);
    expect([dtype, shape]).toEqual(["float32", [1, 3]]);
    expect([...new Float32Array(new Uint8Array(bytes).buffer)]).toEqual([1, -2.5, 3]);
  });

  it.each([
    ["<f2", "float16", 2],
    ["<f4", "float32", 4],
    ["<f8", "float64", 8],
    ["|i1", "int8", 1],
    ["<i2", "int16", 2],
    ["<i4", "int32", 4],
    ["<i8", "int64", 8],
    ["|u1", "uint8", 1],
    ["|b1", "bool", 1],
  ] as const)("reads %s as %s", (descr, dtype, size) => {
    const found = read(header(dict(`'${descr}'`, "(2, 3)"), 6 * size));
    expect([found.dtype, found.shape, found.bytes.length]).toEqual([dtype, [2, 3], 6 * size]);
  });

  it("reads headers of all three versions, in other quotes and orders", () => {
    for (const version of [1, 2, 3]) {
      expect(read(header(dict("'<f4'", "(2,)"), 8, version)).shape).toEqual([2]);
    }
    const other = '{"shape":(2,1),"fortran_order":False,"descr":"<f4"}';
    expect(read(header(other, 8)).shape).toEqual([2, 1]);
    expect(read(header(dict("'<f4'", "()"), 4)).shape).toEqual([]);
    expect(read(header(dict("'<f4'", "(0, 4)"))).shape).toEqual([0, 4]);
    expect(read(header(dict("'<f4'", "(2,)", "True"), 8)).shape).toEqual([2]);
  });

  const known = "<f2, <f4, <f8, |i1, <i2, <i4, <i8, |u1, |b1";
  it.each<[string, Buffer, string]>([
    [
      "nothing",
      Buffer.alloc(0),
      "file: expected a numpy array, as numpy.save writes but found something else",
    ],
    [
      "a pickle",
      Buffer.from("\x80\x04]."),
      "file: expected a numpy array, as numpy.save writes but found something else",
    ],
    ["a version to come", header("{}", 0, 4), "version: expected 1.0, 2.0 or 3.0 but found 4.0"],
    [
      "a header that is cut",
      header(dict("'<f4'", "(2,)"), 8).subarray(0, 40),
      "header: expected 58 bytes but found a file of 40; the file was cut short",
    ],
    [
      "no length",
      header("{}").subarray(0, 9),
      "header: expected 2 bytes with its length but found a file of 9; the file was cut short",
    ],
    [
      "a header beyond all bounds",
      header(" ".repeat(10_001)),
      "header: expected at most 10000 bytes but found 10001",
    ],
    [
      "no dictionary",
      header("[1]"),
      'header: expected descr, fortran_order and shape but found "[1]"',
    ],
    [
      "a key too few",
      header("{'descr': '<f4', 'shape': (2,)}"),
      `header: expected descr, fortran_order and shape but found "{'descr': '<f4', 'shape': (2,)}"`,
    ],
    [
      "a key twice",
      header("{'descr': '<f4', 'descr': '<f4'}"),
      'header: expected each key once but found "descr" again',
    ],
    [
      "code",
      header("{'descr': exit(), 'fortran_order': False, 'shape': ()}"),
      `header: expected descr, fortran_order and shape but found "{'descr': exit(), 'fortran_order': False, 'shape': ()}"`,
    ],
    [
      "objects",
      header(dict("'|O'", "(1,)"), 8),
      `descr: expected one of ${known} but found "|O"; an array of Python objects is a pickle, and no code from a file is ever run`,
    ],
    [
      "bytes the wrong way round",
      header(dict("'>f4'", "(1,)"), 4),
      `descr: expected one of ${known} but found ">f4"`,
    ],
    [
      "fields",
      header(dict("[('a', '<f4')]", "(1,)"), 4),
      `descr: expected one of ${known} but found "[('a', '<f4')]"`,
    ],
    [
      "columns",
      header(dict("'<f4'", "(2, 2)", "True"), 16),
      "fortran_order: expected rows one after the other but found columns; save numpy.ascontiguousarray(array) instead",
    ],
    [
      "no order",
      header(dict("'<f4'", "(2,)", "'C'"), 8),
      `fortran_order: expected True or False but found "'C'"`,
    ],
    [
      "a number as shape",
      header(dict("'<f4'", "(2)"), 8),
      'shape: expected at most 64 whole numbers in brackets but found "(2)"',
    ],
    [
      "65 dimensions",
      header(dict("'<f4'", `(${"1,".repeat(65)})`), 4),
      "shape: expected at most 64 whole numbers in brackets but found",
    ],
    [
      "too little data",
      header(dict("'<f4'", "(2, 3)"), 23),
      "data: expected 24 bytes for float32 of shape [2, 3] but found 23",
    ],
    [
      "too much data",
      header(dict("'<f4'", "(2, 3)"), 25),
      "data: expected 24 bytes for float32 of shape [2, 3] but found 25",
    ],
    [
      "a size beyond numbers",
      header(dict("'<f4'", "(9007199254740991, 9)"), 4),
      "data: expected fewer than 2^53 bytes for float32 of shape [9007199254740991, 9] but found 4",
    ],
    [
      "a bool that is none",
      Buffer.concat([header(dict("'|b1'", "(1,)")), Buffer.from([2])]),
      "data: expected 0 or 1 for bool but found 2",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(`${path}: ${message}`);
    expect(() => read(bytes)).toThrow(BadFileError);
  });

  it("refuses a folder, and nothing", () => {
    expect(() => readNpy(root)).toThrow(`${root}: file: expected a numpy array but found a folder`);
    expect(() => readNpy(join(root, "none"))).toThrow("but found nothing of that name");
  });

  it("reads or refuses whatever is cut or changed, and never anything else", () => {
    const whole = npyBytes({ dtype: "float32", shape: [2, 3], bytes: new Uint8Array(24) });
    const outcome = (bytes: Uint8Array): "read" | "refused" => {
      try {
        const array = read(bytes);
        expect(array.bytes.length).toBe(byteSize(array));
        return "read";
      } catch (error) {
        if (!(error instanceof BadFileError)) throw error;
        return "refused";
      }
    };
    for (let length = 0; length < whole.length; length++) {
      expect(outcome(whole.subarray(0, length))).toBe("refused");
    }
    const found = { read: 0, refused: 0 };
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const changed = Buffer.from(whole);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      found[outcome(changed)]++;
    }
    // Those of the data are another array, those of the header nearly none.
    expect(found.read).toBeGreaterThanOrEqual(8 * 24);
    expect(found.refused).toBeGreaterThan(8 * 40);
    const texts = fc.string({
      unit: fc.constantFrom(..."{}[]()'\",: 0123<>f4|uTrueFalsedescrshape"),
    });
    fc.assert(
      fc.property(texts, fc.nat(3), (text, version) => {
        outcome(header(text, 4, version));
      }),
      { numRuns: 300 },
    );
  });
});
