import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BadFileError } from "../../src/files/reading/errors.ts";
import type { DType } from "../../src/torch/dtype.ts";
import {
  SafetensorsBytes,
  type TensorBytes,
  writeSafetensorsBytes,
} from "../../src/weights/safetensors/safetensors-bytes.ts";
import { byteSize } from "../../src/weights/safetensors/safetensors-header.ts";
import { tries } from "../reliability/counts.ts";
import { hostileFile } from "./hostile-safetensors.ts";
import { runPython } from "./python.ts";

const FILES = tries(4_000, 1_000_000);
const BATCH = 2_000;

/** Everything that the reference reads and we refuse, with the sentence that says why. */
const DELIBERATE: Readonly<Record<string, RegExp>> = {
  "repeated keys, of which readers keep different ones": /Duplicate key/,
  "blanks in front of the header, which the format forbids":
    /JSON that starts with \{ but found byte 0x(20|9|a|d)$/,
  "tensors written as arrays, which the format does not know":
    /with dtype, shape and data_offsets but found \[/,
  "element types that the engine lacks":
    /dtype to be one of .* but found ("F4"; other floats of 8 bits .*|"C64"|\{"F32":null\})$/,
  "sizes that a double does not hold": /shape to be .* but found .*\d{16}|a size below 2\^53 bytes/,
};

const FORMAT_NAMES: Readonly<Record<DType, string>> = {
  int64: "I64",
  float64: "F64",
  float32: "F32",
  int32: "I32",
  bfloat16: "BF16",
  float16: "F16",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

type Content = readonly (readonly [name: string, dtype: string, shape: string, sha256: string])[];
interface Verdict {
  readonly file: string;
  readonly tensors?: Readonly<Record<string, [string, number[], string]>>;
  readonly error?: string;
}

const root = mkdtempSync(join(tmpdir(), "pixart-safetensors-"));
afterAll(() => rmSync(root, { recursive: true }));

const judge = (folder: string): Verdict[] =>
  runPython("judge_safetensors.py", folder)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);

const byName = (content: Content): Content => content.toSorted(([a], [b]) => (a < b ? -1 : 1));

const theirs = (tensors: NonNullable<Verdict["tensors"]>): Content =>
  byName(Object.entries(tensors).map(([name, [t, shape, sha]]) => [name, t, `${shape}`, sha]));

function ours(path: string): Content {
  using file = new SafetensorsBytes(path);
  return byName(
    [...file.tensors].map(([name, { dtype, packed, shape, byteOffset, byteLength }]) => [
      name,
      packed ?? FORMAT_NAMES[dtype],
      `${shape}`,
      createHash("sha256")
        .update(readFileSync(path).subarray(byteOffset, byteOffset + byteLength))
        .digest("hex"),
    ]),
  );
}

function refusal(path: string): { message: string; milliseconds: number } | undefined {
  const start = performance.now();
  try {
    new SafetensorsBytes(path).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof BadFileError)) throw error;
    return { message: error.message, milliseconds: performance.now() - start };
  }
}

describe(`${FILES} hostile files`, () => {
  it("get the reference's verdict but for the written list of differences, within 50 ms each", () => {
    const seen = new Set<string>();
    let bothRead = 0;
    let bothRefuse = 0;
    for (let batch = 0; batch * BATCH < FILES; batch++) {
      const folder = join(root, `hostile-${batch}`);
      mkdirSync(folder);
      const count = Math.min(BATCH, FILES - batch * BATCH);
      for (const [i, bytes] of fc.sample(hostileFile, { numRuns: count, seed: batch }).entries()) {
        writeFileSync(join(folder, `${i}`), bytes);
      }
      for (const { file, tensors, error } of judge(folder)) {
        const path = join(folder, file);
        const refused = refusal(path);
        if (refused === undefined) {
          expect(error, `${path} is read here and refused there`).toBeUndefined();
          if (tensors !== undefined) expect(ours(path)).toEqual(theirs(tensors));
          bothRead++;
          continue;
        }
        if (refused.milliseconds > 50) {
          // Once may be a pause of the machine.
          const again = [1, 2, 3].map(() => refusal(path)?.milliseconds ?? Number.NaN);
          expect(Math.min(...again), path).toBeLessThan(50);
        }
        if (error !== undefined) {
          bothRefuse++;
          continue;
        }
        const [reason = "unlisted"] =
          Object.entries(DELIBERATE).find(([, message]) => message.test(refused.message)) ?? [];
        expect(reason, refused.message).not.toBe("unlisted");
        seen.add(reason);
      }
      rmSync(folder, { recursive: true });
    }
    expect([...seen].sort()).toEqual(Object.keys(DELIBERATE).sort());
    expect(bothRead).toBeGreaterThan(FILES / 5);
    expect(bothRefuse).toBeGreaterThan(FILES / 5);
  }, 7_200_000);
});

describe("cost of a refusal", () => {
  it("is under 1 MB of memory where a short file declares a header of 99 MB or a tensor of 4 TB", () => {
    const header = '{"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}';
    const declared = [99_000_000n, BigInt(header.length), 2n ** 63n];
    const paths = declared.map((length, i) => {
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(length);
      const path = join(root, `short-${i}`);
      writeFileSync(path, Buffer.concat([prefix, Buffer.from(header)]));
      return path;
    });
    for (const path of paths) expect(refusal(path)).toBeDefined();
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    for (const path of paths) {
      const before = used();
      refusal(path);
      expect(used() - before).toBeLessThan(1e6);
    }
  });

  it("takes seconds, not minutes, for a header of 10 MB", () => {
    const entries = Array.from(
      { length: 100_000 },
      (_, i) =>
        `"transformer_blocks.${i}.attn1.to_q.weight":{"dtype":"F32","shape":[1152,1152,0],"data_offsets":[0,0]}`,
    );
    const header = Buffer.from(`{${entries.join(",")}}`);
    expect(header.length).toBeGreaterThan(10e6);
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    const path = join(root, "long-header");
    writeFileSync(path, Buffer.concat([prefix, header, Buffer.alloc(1)]));
    // Processor time, so that other programs on the machine do not count.
    const seconds = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      expect(refusal(path)).toBeDefined();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    });
    expect(Math.min(...seconds)).toBeLessThan(5);
  });
});

describe("files that we write", () => {
  const tensor = fc
    .record({
      dtype: fc.constantFrom(...(Object.keys(FORMAT_NAMES) as DType[])),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
      seed: fc.nat(255),
    })
    .map(({ dtype, shape, seed }): TensorBytes => {
      const size = byteSize({ dtype, shape }) ?? 0;
      return {
        dtype,
        shape,
        bytes: Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) % 2),
      };
    });
  const name = fc.string({ unit: "binary" }).filter((text) => text !== "__metadata__");
  const file = fc.tuple(
    fc.uniqueArray(fc.tuple(name, tensor), { maxLength: 8, selector: ([key]) => key }),
    fc.dictionary(name, fc.string({ unit: "binary" }), { maxKeys: 3 }),
  );

  it("open in the reference with equal bytes, aligned to 64 bytes where sizes allow it", async () => {
    const folder = join(root, "written");
    mkdirSync(folder);
    const samples = fc.sample(file, { numRuns: 300, seed: 3 });
    for (const [i, [tensors, metadata]] of samples.entries()) {
      const path = join(folder, `${i}`.padStart(4, "0"));
      await writeSafetensorsBytes(path, new Map(tensors), metadata);
    }
    const read = judge(folder);
    expect(read).toHaveLength(samples.length);
    for (const [i, { file: fileName, tensors, error }] of read.entries()) {
      expect(error).toBeUndefined();
      const content = (samples[i]?.[0] ?? []).map(([key, { dtype, shape, bytes }]) => {
        const sha = createHash("sha256").update(bytes).digest("hex");
        return [key, FORMAT_NAMES[dtype], `${shape}`, sha] as const;
      });
      expect(theirs(tensors ?? {})).toEqual(byName(content));
      using written = new SafetensorsBytes(join(folder, fileName));
      expect({ ...written.metadata }).toEqual({ ...samples[i]?.[1] });
      const isOdd = ({ byteLength }: { byteLength: number }): boolean => byteLength % 64 !== 0;
      const entries = [...written.tensors.values()];
      // Those behind the first of an odd size may lie anywhere.
      const aligned = entries.slice(0, entries.findIndex(isOdd) + 1 || entries.length);
      expect(aligned.filter(({ byteOffset }) => byteOffset % 64 !== 0)).toEqual([]);
      expect(entries.slice(aligned.length).every(isOdd)).toBe(true);
    }
  });
});
