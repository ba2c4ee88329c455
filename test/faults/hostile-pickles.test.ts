import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BadFileError } from "../../src/files/reading/errors.ts";
import { RegularFile } from "../../src/files/reading/regular-file.ts";
import { openWeightsFile } from "../../src/weights/weights-file.ts";
import { tries } from "../reliability/counts.ts";
import refusals from "./hostile-pickles.json" with { type: "json" };
import { runPython } from "./python.ts";

const MUTATED = tries(600, 5_000);
/** Written by mmengine 0.10.7: see golden/mmengine.py. */
const REAL = fileURLToPath(new URL("golden/mmengine-0.10.7.pth", import.meta.url));
/** The content of the one storage that every hostile file has. */
const STORAGE = "0123456789abcdef";
const NO_CODE = "; no code from a checkpoint is ever run";

const folder = mkdtempSync(join(tmpdir(), "pixart-pickles-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const pathOf = (name: string): string => join(folder, `${name}.pth`);

/** The sentence of a refusal without the path in front of it. */
function refusal(path: string): string {
  try {
    openWeightsFile(path).close();
    return "none: the file was opened";
  } catch (error) {
    // Anything else than a BadFileError is a crash.
    if (!(error instanceof BadFileError)) throw error;
    expect(error.message.startsWith(`${path}: `)).toBe(true);
    return error.message.slice(path.length + 2).replace(NO_CODE, " (no code)");
  }
}

let names: string[] = [];
beforeAll(() => {
  names = JSON.parse(runPython("make_hostile_pickles.py", folder)) as string[];
});

describe("hostile checkpoints", () => {
  it.each(["good", "good, older"])("are variations of one that is read: %s", (name) => {
    using file = openWeightsFile(pathOf(name));
    expect(file.tensors.get("w")?.shape).toEqual([4]);
    expect(Buffer.from(file.tensor("w").toBytes()).toString()).toBe(STORAGE);
  });

  it("are each refused in a sentence that names the file, the place and what was found", () => {
    const found = Object.fromEntries(names.map((name) => [name, refusal(pathOf(name))]));
    expect(found).toEqual(refusals);
    expect(names.length).toBeGreaterThanOrEqual(60);
    // Python's own pickle.loads was seen to run the command of each of these.
    expect(names.filter((name) => name.startsWith("runs: ")).length).toBeGreaterThanOrEqual(30);
  });

  it("are refused before any storage is read", () => {
    const read = vi.spyOn(RegularFile.prototype, "read");
    for (const name of names) {
      read.mockClear();
      refusal(pathOf(name));
      const storage = readFileSync(pathOf(name)).indexOf(STORAGE);
      // A directory that lies about its place may be looked for anywhere.
      if (storage < 0 || name.startsWith("zip: ")) continue;
      const ofStorage = read.mock.calls.filter(
        ([offset]) => offset >= storage && offset < storage + STORAGE.length,
      );
      expect(ofStorage, name).toEqual([]);
    }
  });

  it("cost little, whatever sizes they declare", () => {
    // The text of data.pkl of the largest is 4 MB.
    const before = process.memoryUsage.rss();
    for (const name of names) refusal(pathOf(name));
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  });
});

describe("a checkpoint of mmengine", () => {
  it("gives its weights, and its averaged ones", () => {
    using file = openWeightsFile(REAL);
    expect(file.tensors.size).toBe(36);
    expect([...file.tensors.keys()].every((key) => key.startsWith("transformer."))).toBe(true);
    expect(file.tensors.get("transformer.scale_shift_table")).toMatchObject({
      dtype: "float32",
      shape: [2, 4],
    });
    expect(file.tensor("transformer.scale_shift_table").shape).toEqual([2, 4]);
    using averaged = openWeightsFile(REAL, { ema: true });
    expect(averaged.tensors.has("module.transformer.scale_shift_table")).toBe(true);
  });
});

/** One or two bytes set, put in, taken out, or the end cut off. */
const mutation = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "set", "set", "insert", "delete", "cut"),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from("cR\x93\x81bq.(tuQ}])\xff\0"))),
  }),
  { minLength: 1, maxLength: 2 },
);

describe(`${MUTATED} damaged copies of a real checkpoint`, () => {
  it("are read or refused, and never crash", () => {
    // Bytes of names, pickle and directory; most of a real file is numbers, which cannot go wrong.
    const regionsOf = (path: string): (readonly [bytes: Buffer, start: number, end: number])[] => {
      const bytes = readFileSync(path);
      const pickle = bytes.indexOf("data.pkl") - 30;
      return [
        [bytes, pickle, bytes.indexOf("archive/", pickle + 40)],
        [bytes, bytes.lastIndexOf("archive/data.pkl") - 46, bytes.length],
      ];
    };
    const small = regionsOf(pathOf("good"));
    const regions = [...small, ...small, ...regionsOf(REAL)];
    let opened = 0;
    let refused = 0;
    const samples = fc.sample(fc.tuple(mutation, fc.constantFrom(...regions)), {
      numRuns: MUTATED,
      seed: 1,
    });
    const path = pathOf("damaged");
    for (const [edits, [original, start, end]] of samples) {
      let bytes = original;
      for (const { kind, at, byte } of edits) {
        const place = Math.min(Math.floor(start + at * (end - start)), bytes.length);
        const tail = kind === "cut" ? [] : [bytes.subarray(kind === "insert" ? place : place + 1)];
        const middle = kind === "set" || kind === "insert" ? [Buffer.of(byte)] : [];
        bytes = Buffer.concat([bytes.subarray(0, place), ...middle, ...tail]);
      }
      writeFileSync(path, bytes);
      if (!refusal(path).startsWith("none")) {
        refused++;
        continue;
      }
      using file = openWeightsFile(path);
      for (const [name, { shape }] of file.tensors) {
        const tensor = file.tensor(name);
        expect(tensor.shape).toEqual(shape);
        tensor.dispose();
      }
      opened++;
    }
    expect(opened).toBeGreaterThan(MUTATED / 50);
    expect(refused).toBeGreaterThan(MUTATED / 4);
  }, 600_000);
});
