import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { npyBytes, zipBytes } from "../../../test/fixtures/numpy-files.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import type { TensorBytes } from "../safetensors/safetensors-bytes.ts";
import { readNpz } from "./npz.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-npz-"));
afterAll(() => rmSync(root, { recursive: true }));
const path = join(root, "arrays.npz");

/** By numpy's `savez_compressed` of `states` float16 [[0.5, -2]] and `mask` int16 [1, 0]. */
const BY_NUMPY = Buffer.from(
  "UEsDBC0AAAAIAAAAIQCzNTCC//////////8KABQAc3RhdGVzLm5weQEAEACEAAAAAAAAAEoAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmpK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkahjoKRpo6CrUKZAMuBguGAwBQSwMELQAAAAgAAAAhAB9Qswj//////////wgAFABtYXNrLm5weQEAEACEAAAAAAAAAEgAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNppK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALkYGBgYAUEsBAi0DLQAAAAgAAAAhALM1MIJKAAAAhAAAAAoAAAAAAAAAAAAAAIABAAAAAHN0YXRlcy5ucHlQSwECLQMtAAAACAAAACEAH1CzCEgAAACEAAAACAAAAAAAAAAAAAAAgAGGAAAAbWFzay5ucHlQSwUGAAAAAAIAAgBuAAAACAEAAAAA",
  "base64",
);

const read = (bytes: Uint8Array, ...names: string[]): Map<string, TensorBytes> => {
  writeFileSync(path, bytes);
  return readNpz(path, names);
};

const array = (...values: number[]): Buffer =>
  npyBytes({
    dtype: "float32",
    shape: [values.length],
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  });
const numbers = (found: TensorBytes | undefined): number[] => [
  ...new Float32Array(new Uint8Array(found?.bytes ?? []).buffer),
];

describe("readNpz", () => {
  it("reads what numpy wrote", () => {
    const found = read(BY_NUMPY, "states", "mask", "other");
    expect([...found.keys()]).toEqual(["states", "mask"]);
    expect(found.get("states")).toMatchObject({ dtype: "float16", shape: [1, 2] });
    expect(Buffer.from(found.get("states")?.bytes ?? []).toString("hex")).toBe("003800c0");
    expect(found.get("mask")).toMatchObject({ dtype: "int16", shape: [2] });
    expect(Buffer.from(found.get("mask")?.bytes ?? []).toString("hex")).toBe("01000000");
  });

  it.each([
    ["stored", 0],
    ["deflated", 8],
  ])("reads %s arrays, and of those only what is asked for", (_, method) => {
    const files = { "a.npy": array(1, 2), "b.npy": Buffer.from("no array") };
    expect(numbers(read(zipBytes(files, { method }), "a").get("a"))).toEqual([1, 2]);
    expect(read(zipBytes(files, { method }), "c").size).toBe(0);
  });

  const one = { "a.npy": array(1, 2) };
  const size = one["a.npy"].length;
  it.each<[string, Buffer, string]>([
    ["no zip", Buffer.alloc(30), "zip: expected a well-formed archive but found"],
    ["less than a zip", Buffer.alloc(3), "zip: expected an archive but found a file of 3 bytes"],
    [
      "another compression",
      zipBytes(one, { method: 12 }),
      'entry "a.npy": expected a stored or deflated entry, as numpy.savez writes but found a compressed one',
    ],
    [
      "an encrypted entry",
      zipBytes(one, { flags: 1 }),
      'entry "a.npy": expected a stored or deflated entry, as numpy.savez writes but found an encrypted one',
    ],
    [
      "another checksum",
      zipBytes(one, { crc: 7 }),
      'array "a": expected the checksum of its entry but found another; the file is damaged',
    ],
    [
      "less than is claimed",
      zipBytes(one, { size: size + 1 }),
      `array "a": expected ${size + 1} bytes but found ${size}; the file is damaged`,
    ],
    [
      "more than is claimed",
      zipBytes(one, { size: size - 1 }),
      `array "a": expected ${size - 1} bytes but found more; the file is damaged`,
    ],
    [
      "nothing claimed",
      zipBytes(one, { size: 0 }),
      'array "a": expected 0 bytes but found more; the file is damaged',
    ],
    [
      "a claim beyond all bounds",
      zipBytes(one, { size: 2 ** 30 + 1 }),
      'array "a": expected at most 1073741824 bytes but found 1073741825',
    ],
    [
      "no array",
      zipBytes({ "a.npy": Buffer.from("text") }),
      'array "a" file: expected a numpy array, as numpy.save writes but found something else',
    ],
    [
      "an array that is cut",
      zipBytes({ "a.npy": array(1, 2).subarray(0, -1) }),
      'array "a" data: expected 8 bytes for float32 of shape [2] but found 7',
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => read(bytes, "a")).toThrow(`${path}: ${message}`);
    expect(() => read(bytes, "a")).toThrow(BadFileError);
  });

  /** The first entry's local header with some of its bytes replaced. */
  const local = (at: number, ...bytes: number[]): Buffer => {
    const changed = zipBytes(one, { flags: at === 14 ? 8 : 0 });
    changed.set(bytes, at);
    return changed;
  };

  it("refuses headers of an entry that disagree", () => {
    const message =
      'entry "a.npy": expected the same name and sizes in both of its headers but found';
    for (const changed of [local(8, 0), local(18, 1), local(22, 1), local(30, 98)])
      expect(() => read(changed, "a")).toThrow(message);
  });

  it("reads what was written to a pipe, with sizes behind the data", () => {
    expect(numbers(read(local(14, ...new Array<number>(12).fill(0)), "a").get("a"))).toEqual([
      1, 2,
    ]);
  });

  it("holds no more of a bomb than it claims", () => {
    const bomb = zipBytes({ "a.npy": new Uint8Array(2 ** 24) }, { size: 1000 });
    expect(() => read(bomb, "a")).toThrow('array "a": expected 1000 bytes but found more');
  });

  it("reads the same or refuses whatever is cut or changed, and never anything else", () => {
    for (const method of [0, 8]) {
      const whole = zipBytes({ "a.npy": array(1, 2), "b.npy": array(3) }, { method });
      const outcome = (bytes: Uint8Array): "read" | "refused" => {
        try {
          const found = read(bytes, "a", "b");
          // A name may have been changed; what is found is what was written.
          for (const [name, values] of [
            ["a", [1, 2]],
            ["b", [3]],
          ] as const) {
            if (found.has(name)) expect(numbers(found.get(name))).toEqual(values);
          }
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
      // One bit of each byte, another one of each.
      for (let at = 0; at < whole.length; at++) {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ (1 << ((5 * at) % 8));
        found[outcome(changed)]++;
      }
      // Times, versions and attributes are not looked at.
      expect(found.read).toBeGreaterThan(0);
      expect(found.refused).toBeGreaterThan(found.read);
    }
  });
});
