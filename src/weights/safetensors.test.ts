import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as torch from "../torch/index.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { writeSafetensorsBytes } from "./safetensors-bytes.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-tensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("safetensors", () => {
  it.each(torch.dtypes)("keeps %s tensors bit for bit", async (dtype) => {
    const path = join(folder, `${dtype}.safetensors`);
    const tensors = new Map([
      [
        "matrix",
        torch
          .randn([3, 5], { generator: torch.generator(1) })
          .mul(100)
          .to({ dtype }),
      ],
      ["scalar", torch.ones([], { dtype })],
      ["empty", torch.zeros([0, 4], { dtype })],
    ]);
    await writeSafetensors(path, tensors, { format: "pt" });
    using file = readSafetensors(path);
    expect(file.metadata).toEqual({ format: "pt" });
    for (const [name, tensor] of tensors) {
      const read = file.tensor(name);
      expect([read.dtype, read.shape, read.device]).toEqual([dtype, tensor.shape, "cpu"]);
      expect(read.toBytes()).toEqual(tensor.toBytes());
    }
  });

  it("writes the elements of views in their order", async () => {
    const path = join(folder, "view.safetensors");
    const matrix = torch.arange(0, 6).reshape([2, 3]);
    await writeSafetensors(
      path,
      new Map([
        ["t", matrix.t()],
        ["row", matrix.select(0, 1)],
      ]),
    );
    using file = readSafetensors(path);
    expect(file.tensor("t").tolist()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(file.tensor("row").tolist()).toEqual([3, 4, 5]);
  });

  it("writes the values of the moment of the call", async () => {
    const path = join(folder, "moment.safetensors");
    const weight = torch.ones([1000]);
    const writing = writeSafetensors(path, new Map([["w", weight]]));
    weight.fill_(7);
    await writing;
    using file = readSafetensors(path);
    expect(file.tensor("w").sum().item()).toBe(1000);
  });

  it("puts tensors where they are wanted", async () => {
    const path = join(folder, "device.safetensors");
    await writeSafetensors(path, new Map([["w", torch.ones([2])]]));
    using file = readSafetensors(path);
    expect(file.tensor("w", { device: "meta" }).device).toBe("meta");
  });

  it("refuses bytes that are no bool", async () => {
    const path = join(folder, "odd.safetensors");
    const bytes = Uint8Array.of(0, 1, 2);
    await writeSafetensorsBytes(path, new Map([["mask", { dtype: "bool", shape: [3], bytes }]]));
    using file = readSafetensors(path);
    expect(() => file.tensor("mask")).toThrow(
      `${path}: tensor "mask": expected 0 or 1 for bool but found 2`,
    );
  });
});
