import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { LazyTensor } from "../lazy-tensors.ts";
import { openWeightsFile } from "../weights-file.ts";
import { writeTorchFile } from "./torch-file-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-torch-writer-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tensor = (shape: readonly number[], fill: number): LazyTensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { dtype: "uint8", shape, bytes: () => new Uint8Array(size).fill(fill) };
};

describe("writeTorchFile", () => {
  it("writes what is read back, storages at multiples of 64 bytes, and the same bytes again", async () => {
    const tensors = new Map([
      ["a", tensor([100], 0xa1)],
      ["b.weight", tensor([2, 3, 1], 0xb2)],
      ["scalar", tensor([], 0xc3)],
      ["empty", tensor([0, 4], 0)],
    ]);
    const paths = [0, 1].map((i) => join(folder, `${i}.pth`));
    for (const path of paths) await writeTorchFile(path, tensors);
    const [first = Buffer.of(), second] = paths.map((path) => readFileSync(path));
    expect(first.equals(second ?? Buffer.of())).toBe(true);
    for (const fill of [0xa1, 0xb2, 0xc3]) {
      const start = first.indexOf(Buffer.alloc(1, fill));
      expect(start % 64, `${fill}`).toBe(0);
    }
    using file = openWeightsFile(paths[0] ?? "");
    expect(file.state).toBe("state_dict");
    for (const [name, { dtype, shape, bytes }] of tensors) {
      expect(file.tensors.get(name)).toMatchObject({ dtype, shape });
      expect(Buffer.from(file.tensor(name).toBytes()).equals(bytes())).toBe(true);
    }
    expect(() => file.tensor("c")).toThrow(
      `${paths[0]}: tensor "c": expected a tensor of that name but found 4 others`,
    );
  });

  it("refuses a tensor that the archive's plain sizes cannot hold, and leaves nothing", async () => {
    const huge = new Map([["w", { ...tensor([1], 0), shape: [2 ** 32] }]]);
    await expect(writeTorchFile(join(folder, "huge.pth"), huge)).rejects.toThrow(
      'Expected less than 4 GiB for "w" but received 4294967296 bytes',
    );
    expect(readdirSync(folder).filter((name) => name.includes("huge"))).toEqual([]);
  });
});
