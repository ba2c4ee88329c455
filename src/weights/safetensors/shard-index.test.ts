import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadFileError } from "../../files/reading/errors.ts";
import type { TensorSpec } from "./safetensors-header.ts";
import { readShardIndex, splitShards } from "./shard-index.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "pixart-index-")));
const folder = join(top, "model");
const path = join(folder, "model.safetensors.index.json");
afterAll(() => rmSync(top, { recursive: true }));

const OUTSIDE = join(top, "secret.safetensors");
beforeAll(() => {
  mkdirSync(join(folder, "sub"), { recursive: true });
  for (const name of [
    "a.safetensors",
    "b.safetensors",
    "sub/c.safetensors",
    "weights.bin",
    "..safetensors",
  ]) {
    writeFileSync(join(folder, name), "");
  }
  writeFileSync(OUTSIDE, "");
  symlinkSync("a.safetensors", join(folder, "inside.safetensors"));
  symlinkSync("../secret.safetensors", join(folder, "outside.safetensors"));
  symlinkSync(OUTSIDE, join(folder, "absolute.safetensors"));
  symlinkSync("inside.safetensors", join(folder, "chain.safetensors"));
  symlinkSync("outside.safetensors", join(folder, "chain-out.safetensors"));
});

const read = (text: string): ReadonlyMap<string, string> => {
  writeFileSync(path, text);
  return readShardIndex(path);
};
const indexOf = (file: unknown): string => JSON.stringify({ weight_map: { w: file } });

describe("readShardIndex", () => {
  it("reads names that stay in the folder", () => {
    const map = {
      w: "a.safetensors",
      "b.w": "b.safetensors",
      __proto__x: "inside.safetensors",
      l: "chain.safetensors",
      d: "..safetensors",
    };
    expect([...read(JSON.stringify({ metadata: { total_size: 1.5 }, weight_map: map }))]).toEqual(
      Object.entries(map),
    );
  });

  it("takes the format of the files from the index's own name", () => {
    for (const name of ["w.bin.index.json", "w.bin.index.fp16.json"]) {
      const pickled = join(folder, name);
      writeFileSync(pickled, indexOf("weights.bin"));
      expect([...readShardIndex(pickled)]).toEqual([["w", "weights.bin"]]);
      writeFileSync(pickled, indexOf("a.safetensors"));
      expect(() => readShardIndex(pickled)).toThrow(
        `${pickled}: weight_map "w": expected the plain name of a .bin file of this folder but found "a.safetensors"`,
      );
    }
  });

  it.each([
    "../secret.safetensors",
    "./a.safetensors",
    "sub/c.safetensors",
    "sub/../a.safetensors",
    "..",
    ".",
    "",
    "/a.safetensors",
    OUTSIDE,
    "\\a.safetensors",
    "..\\secret.safetensors",
    "C:\\a.safetensors",
    "C:a.safetensors",
    "a.safetensors\0",
    "\0.safetensors",
    "a.safetensors/",
    "//a.safetensors",
    "file:///a.safetensors",
    "https://example.org/a.safetensors",
    "%2e%2e/a.safetensors",
    "weights.bin",
    "a.safetensors.bin",
    "a",
    null,
    7,
    ["a.safetensors"],
    { file: "a.safetensors" },
    true,
  ])("refuses %o as a file name", (file) => {
    expect(() => read(indexOf(file))).toThrow(
      `${path}: weight_map "w": expected the plain name of a .safetensors file of this folder but found ${JSON.stringify(file)}`,
    );
  });

  it.each(["outside.safetensors", "absolute.safetensors", "chain-out.safetensors"])(
    "refuses the link %s out of the folder",
    (file) => {
      expect(() => read(indexOf(file))).toThrow(
        `${path}: file "${file}": expected a file inside the folder but found a link to ${OUTSIDE}`,
      );
    },
  );

  it("refuses files that are not there", () => {
    expect(() => read(indexOf("gone.safetensors"))).toThrow(
      `${path}: file "gone.safetensors": expected a file that the index names but found nothing of that name; the download is incomplete`,
    );
  });

  it.each([
    ['{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}', "Duplicate key 'w'"],
    [
      '{"weight_map":{"w":"a.safetensors","w":"a.safetensors"}}',
      "Duplicate key: an object repeats",
    ],
    ['{"weight_map":{},"weight_map":{"w":"a.safetensors"}}', "Duplicate key 'weight_map'"],
    ["{", "Quoted object key"],
    ['{"weight_map":{"w":NaN}}', "Object value expected"],
  ])("refuses %s", (text, reason) => {
    expect(() => read(text)).toThrow(`${path}: file: expected JSON but found "${reason}`);
  });

  it.each(["{}", "[]", "7", '{"weight_map":[]}', '{"weight_map":null}'])("refuses %s", (text) => {
    expect(() => read(text)).toThrow(BadFileError);
    expect(() => read(text)).toThrow(
      `${path}: weight_map: expected an object from tensor names to file names but found `,
    );
  });

  it("follows the links of the Hub's cache into its blobs, and nowhere else", () => {
    const repository = join(top, "models--someone--pixart");
    const snapshot = join(repository, "snapshots", "0123abcd", "transformer");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(repository, "blobs"));
    writeFileSync(join(repository, "blobs", "feed"), "");
    symlinkSync("../../../blobs/feed", join(snapshot, "x.safetensors"));
    // Newer releases of huggingface_hub keep large files once for all models.
    mkdirSync(join(top, "blobs", "be"), { recursive: true });
    writeFileSync(join(top, "blobs", "be", "bead"), "");
    symlinkSync("../../blobs/be/bead", join(repository, "blobs", "bead"));
    symlinkSync("../../../blobs/bead", join(snapshot, "z.safetensors"));
    symlinkSync(OUTSIDE, join(snapshot, "y.safetensors"));
    const index = join(snapshot, "index.json");
    writeFileSync(index, indexOf("x.safetensors"));
    expect(readShardIndex(index).get("w")).toBe("x.safetensors");
    writeFileSync(index, indexOf("z.safetensors"));
    expect(readShardIndex(index).get("w")).toBe("z.safetensors");
    writeFileSync(index, indexOf("y.safetensors"));
    expect(() => readShardIndex(index)).toThrow(`but found a link to ${OUTSIDE}`);
  });
});

describe("splitShards", () => {
  const sizes = (limit: number, ...bytes: number[]): number[][] => {
    const tensors = bytes.map((size, i): [string, TensorSpec] => [
      `${i}`,
      { dtype: "uint8", shape: [size] },
    ]);
    return splitShards(new Map(tensors), limit).map((shard) =>
      [...shard.values()].map(({ shape }) => shape[0] ?? 0),
    );
  };

  it("starts a new file where the next tensor would pass the limit", () => {
    // The example of huggingface_hub's documentation.
    expect(sizes(10, 6, 6, 2, 6, 2, 2)).toEqual([[6], [6, 2], [6, 2, 2]]);
    expect(sizes(10, 5, 5)).toEqual([[5, 5]]);
  });

  it("gives a tensor above the limit a file to itself, before the one being filled", () => {
    expect(sizes(10, 3, 11, 4)).toEqual([[11], [3, 4]]);
  });

  it("makes one empty file of nothing", () => {
    expect(sizes(10)).toEqual([[]]);
  });
});
