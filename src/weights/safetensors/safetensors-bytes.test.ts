import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InvalidValueError } from "../../errors/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import {
  encodeSafetensors,
  SafetensorsBytes,
  type TensorBytes,
  writeSafetensorsBytes,
} from "./safetensors-bytes.ts";
import { parseHeader } from "./safetensors-header.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-weights-"));
afterAll(() => rmSync(folder, { recursive: true }));

let counter = 0;
function fileOf(header: string | Buffer, data = 0, declared?: bigint): string {
  const path = join(folder, `${counter++}.safetensors`);
  const json = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(declared ?? BigInt(json.length));
  writeFileSync(path, Buffer.concat([prefix, json, Buffer.alloc(data)]));
  return path;
}

const entry = (dtype: string, shape: string, offsets: string): string =>
  `{"w":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;

const u8 = (...bytes: number[]): TensorBytes => ({
  dtype: "uint8",
  shape: [bytes.length],
  bytes: Uint8Array.from(bytes),
});

describe("a refusal", () => {
  const known = "I64, F64, F32, I32, BF16, F16, I16, I8, U8, BOOL, F8_E4M3, F8_E5M2, U16, U32, U64";

  it.each<[string, number, string]>([
    ["", 0, "header: expected JSON that starts with { but found nothing"],
    [" {}", 0, "header: expected JSON that starts with { but found byte 0x20"],
    [
      "{",
      0,
      `header: expected valid JSON in UTF-8 but found "Quoted object key or end of object '}' expected but reached end of input at position 1"`,
    ],
    [
      '{"a":1,"a":2}',
      0,
      `header: expected valid JSON in UTF-8 but found "Duplicate key 'a' encountered at position 8"`,
    ],
    ['{"__metadata__":[]}', 0, "__metadata__: expected an object of strings but found []"],
    ['{"__metadata__":{"a":1}}', 0, '__metadata__ "a": expected a string but found 1'],
    ['{"w":7}', 0, 'tensor "w": expected an object with dtype, shape and data_offsets but found 7'],
    [
      entry("C64", "[1]", "[0,8]"),
      8,
      `tensor "w": expected dtype to be one of ${known} but found "C64"`,
    ],
    [
      entry("F8_E4M3", "[3]", "[0,2]"),
      2,
      'tensor "w": expected 3 bytes for F8_E4M3 of shape [3] but found 2',
    ],
    [
      '{"w":{"shape":[],"data_offsets":[0,1]}}',
      1,
      `tensor "w": expected dtype to be one of ${known} but found nothing`,
    ],
    [
      entry("U8", "[-1]", "[0,1]"),
      1,
      'tensor "w": expected shape to be non-negative integers but found ["-1"]',
    ],
    [
      entry("U8", "[1.0]", "[0,1]"),
      1,
      'tensor "w": expected shape to be non-negative integers but found ["1.0"]',
    ],
    [
      entry("U8", "1", "[0,1]"),
      1,
      'tensor "w": expected shape to be non-negative integers but found 1',
    ],
    [
      entry("U8", "[1]", "[0,1,2]"),
      1,
      'tensor "w": expected data_offsets to be two non-negative integers but found [0,1,2]',
    ],
    [
      entry("U8", "[1]", "[0]"),
      1,
      'tensor "w": expected data_offsets to be two non-negative integers but found [0]',
    ],
    [
      entry("U8", "[1]", "[1,2]"),
      2,
      'tensor "w": expected data_offsets to start at 0, where the previous tensor ends but found [1, 2]',
    ],
    [
      entry("F32", "[2,3]", "[0,20]"),
      20,
      'tensor "w": expected 24 bytes for float32 of shape [2, 3] but found 20',
    ],
    [
      entry("F32", "[4503599627370496,2]", "[0,8]"),
      8,
      'tensor "w": expected a size below 2^53 bytes but found float32 of shape [4503599627370496, 2]',
    ],
    [
      entry("U8", "[4]", "[0,4]"),
      5,
      "data: expected 4 bytes, as the header says but found 5; the file was cut short or something was appended",
    ],
    [
      entry("U8", "[4]", "[0,4]"),
      3,
      "data: expected 4 bytes, as the header says but found 3; the file was cut short or something was appended",
    ],
  ])(
    "of %s with %i bytes of data says where, what was expected and what was found",
    (header, data, message) => {
      const path = fileOf(header, data);
      expect(() => new SafetensorsBytes(path)).toThrow(BadFileError);
      expect(() => new SafetensorsBytes(path)).toThrow(
        expect.objectContaining({ message: `${path}: ${message}`, path }),
      );
    },
  );

  it("covers bytes that are not UTF-8, and header objects that are arrays", () => {
    const path = fileOf(Buffer.from('{"\xff":1}', "latin1"));
    expect(() => new SafetensorsBytes(path)).toThrow(
      `${path}: header: expected valid JSON in UTF-8 but found bytes that are not UTF-8`,
    );
    expect(() => parseHeader("x", Buffer.from("{} []"), 0)).toThrow(
      'x: header: expected valid JSON in UTF-8 but found "Expected end of input',
    );
  });

  it("covers lengths before anything is read", () => {
    const short = join(folder, "short");
    writeFileSync(short, "1234567");
    expect(() => new SafetensorsBytes(short)).toThrow(
      `${short}: header length: expected 8 bytes but found a file of 7 bytes`,
    );
    const long = fileOf("{}", 0, 3n);
    expect(() => new SafetensorsBytes(long)).toThrow(
      `${long}: header length: expected at most the 2 bytes that follow but found 3`,
    );
    const huge = fileOf("{}", 0, 2n ** 64n - 1n);
    expect(() => new SafetensorsBytes(huge)).toThrow(
      `${huge}: header length: expected at most 100000000 bytes but found 18446744073709551615`,
    );
  });

  it("covers what is no file", () => {
    const missing = join(folder, "missing");
    expect(() => new SafetensorsBytes(missing)).toThrow(
      `${missing}: file: expected a safetensors file but found nothing of that name`,
    );
    expect(() => new SafetensorsBytes(folder)).toThrow(
      `${folder}: file: expected a safetensors file but found a folder`,
    );
    expect(() => new SafetensorsBytes("/dev/null")).toThrow(
      "/dev/null: file: expected a safetensors file but found a device, pipe or socket",
    );
  });

  it("cuts what a hostile file would put into the message", () => {
    const path = fileOf(`{"${"n".repeat(100_000)}":7}`);
    expect(() => new SafetensorsBytes(path)).toThrow(/: tensor "n{119}…: expected an object/);
  });
});

describe("an open file", () => {
  it("gives entries, bytes and metadata, names like __proto__ included", async () => {
    const path = join(folder, "names.safetensors");
    const metadata = JSON.parse('{"format":"pt","__proto__":"x"}') as Record<string, string>;
    await writeSafetensorsBytes(
      path,
      new Map([
        ["__proto__", u8(1, 2)],
        ["", u8(3)],
      ]),
      metadata,
    );
    using file = new SafetensorsBytes(path);
    expect([...file.tensors.keys()]).toEqual(["", "__proto__"]);
    expect(file.tensors.get("__proto__")).toMatchObject({
      dtype: "uint8",
      shape: [2],
      byteLength: 2,
    });
    expect(file.bytes("__proto__")).toEqual(Uint8Array.of(1, 2));
    expect(file.metadata.format).toBe("pt");
    expect(Object.entries(file.metadata)).toContainEqual(["__proto__", "x"]);
    expect(file.metadata.constructor).toBeUndefined();
  });

  it("refuses unknown names, reads after close() and files that shrink meanwhile", async () => {
    const path = join(folder, "shrinks.safetensors");
    await writeSafetensorsBytes(path, new Map([["w", u8(1, 2, 3, 4)]]));
    const file = new SafetensorsBytes(path);
    expect(() => file.bytes("v")).toThrow(
      `${path}: tensor "v": expected a tensor of that name but found 1 others`,
    );
    const { byteOffset } = file.entry("w");
    truncateSync(path, byteOffset + 3);
    expect(() => file.bytes("w")).toThrow(
      `${path}: data: expected 4 bytes at offset ${byteOffset} but found 3; the file was truncated while it was being read`,
    );
    file.close();
    file.close();
    expect(() => file.bytes("w")).toThrow(
      `Expected an open file for ${path} but close() was called before`,
    );
  });
});

describe("writing", () => {
  it("gives the same bytes for the same tensors in any order, wide types first", () => {
    const f32: TensorBytes = { dtype: "float32", shape: [], bytes: new Uint8Array(4) };
    const i64: TensorBytes = { dtype: "int64", shape: [1], bytes: new Uint8Array(8) };
    const one = Buffer.concat(
      encodeSafetensors(
        new Map([
          ["b", u8(7)],
          ["a", f32],
          ["z", i64],
        ]),
        { y: "1", x: "2" },
      ),
    );
    const other = Buffer.concat(
      encodeSafetensors(
        new Map([
          ["z", i64],
          ["a", f32],
          ["b", u8(7)],
        ]),
        { x: "2", y: "1" },
      ),
    );
    expect(one).toEqual(other);
    const length = Number(one.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(
      one
        .subarray(8, 8 + length)
        .toString()
        .trimEnd(),
    ).toBe(
      '{"__metadata__":{"x":"2","y":"1"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}}',
    );
  });

  it.each<[string, TensorBytes, string]>([
    ["__metadata__", u8(1), "Expected another name for a tensor but received __metadata__"],
    ["\ud83e", u8(1), 'Expected well-formed text for a name or metadata but received "\\ud83e"'],
    [
      "w",
      { dtype: "complex64" as "bool", shape: [], bytes: u8(1).bytes },
      'Expected one of int64, float64, float32, int32, bfloat16, float16, int16, int8, uint8, bool for the dtype of "w" but received "complex64"',
    ],
    [
      "w",
      { dtype: "uint8", shape: [-1], bytes: u8().bytes },
      'Expected non-negative integers with a product below 2^53 for the shape of "w" but received [-1]',
    ],
    [
      "w",
      { dtype: "uint8", shape: [2 ** 52, 4], bytes: u8().bytes },
      'Expected non-negative integers with a product below 2^53 for the shape of "w" but received [4503599627370496, 4]',
    ],
    [
      "w",
      { dtype: "float32", shape: [2], bytes: u8(1, 2, 3).bytes },
      'Expected 8 bytes for "w", float32 of shape [2], but received 3',
    ],
  ])("refuses what the format cannot hold: %s %o", (name, tensor, message) => {
    expect(() => encodeSafetensors(new Map([[name, tensor]]))).toThrow(
      new InvalidValueError(message),
    );
  });

  it("refuses headers beyond the format's limit", () => {
    const tensors = new Map([["n".repeat(100_000_000), u8()]]);
    expect(() => encodeSafetensors(tensors)).toThrow(
      /^Expected names and shapes that fit a header of 100000000 bytes for tensors but received 1000000\d\d bytes$/,
    );
  });

  it("leaves an older file as it is, and no temporary one, where it fails", async () => {
    const target = join(folder, "target");
    mkdirSync(join(target, "model.safetensors"), { recursive: true });
    await expect(
      writeSafetensorsBytes(join(target, "model.safetensors"), new Map([["w", u8(1)]])),
    ).rejects.toThrow("EISDIR");
    expect(readdirSync(target)).toEqual(["model.safetensors"]);
  });

  it("replaces a file under readers that hold the old one open", async () => {
    const path = join(folder, "replaced.safetensors");
    await writeSafetensorsBytes(path, new Map([["w", u8(1, 1)]]));
    using old = new SafetensorsBytes(path);
    await writeSafetensorsBytes(path, new Map([["w", u8(2)]]));
    expect(old.bytes("w")).toEqual(Uint8Array.of(1, 1));
    using now = new SafetensorsBytes(path);
    expect(now.bytes("w")).toEqual(Uint8Array.of(2));
    expect(readFileSync(path).length % 8).toBe(1);
  });
});
