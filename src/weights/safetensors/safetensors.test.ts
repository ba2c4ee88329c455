import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { writeSafetensorsBytes } from "./safetensors-bytes.ts";

beforeEach(collectGarbage);

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

  it("is not changed by writing to what was read from it", async () => {
    const path = join(folder, "private.safetensors");
    await writeSafetensors(path, new Map([["w", torch.ones([5000])]]));
    const before = readFileSync(path);
    using file = readSafetensors(path);
    const [one, other] = [file.tensor("w"), file.tensor("w")];
    one.fill_(7);
    expect(other.sum().item()).toBe(5000);
    expect(one.sum().item()).toBe(35000);
    expect(readFileSync(path)).toEqual(before);
  });

  it("may be closed, replaced and removed before what was read from it is used", async () => {
    const path = join(folder, "gone.safetensors");
    await writeSafetensors(path, new Map([["w", torch.arange(0, 5000)]]));
    const file = readSafetensors(path);
    const tensor = file.tensor("w");
    file.close();
    await writeSafetensors(path, new Map([["w", torch.zeros([5000])]]));
    rmSync(path);
    expect(tensor.equal(torch.arange(0, 5000))).toBe(true);
    expect(() => file.tensor("w")).toThrow(
      `Expected an open file for ${path} but close() was called before`,
    );
  });

  it.runIf(process.platform === "linux")("is mapped until its last tensor goes", async () => {
    const path = join(folder, "mapped.safetensors");
    await writeSafetensors(path, new Map([["w", torch.ones([100_000])]]));
    const isMapped = (): boolean => readFileSync("/proc/self/maps", "utf8").includes(path);
    const file = readSafetensors(path);
    expect(isMapped()).toBe(false);
    const whole = file.tensor("w");
    file.close();
    const part = whole.narrow(0, 99_000, 1000);
    whole.dispose();
    expect(isMapped()).toBe(true);
    expect(part.sum().item()).toBe(1000);
    part.dispose();
    expect(isMapped()).toBe(false);
  });

  it("lets the mapping go where the tensor moves elsewhere", async () => {
    const path = join(folder, "moved.safetensors");
    await writeSafetensors(path, new Map([["w", torch.ones([100])]]));
    using file = readSafetensors(path);
    const before = torch.memory().tensors;
    const moved = file.tensor("w", { device: "meta" });
    expect(torch.memory().tensors).toBe(before + 1);
    moved.dispose();
  });

  it("may hold tensors at odd places", () => {
    const path = join(folder, "odd-places.safetensors");
    const header = Buffer.from(
      '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F32","shape":[2],"data_offsets":[3,11]}}',
    );
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    const values = Buffer.from(Float32Array.of(1.5, -2).buffer);
    writeFileSync(path, Buffer.concat([prefix, header, Buffer.of(1, 2, 3), values]));
    using file = readSafetensors(path);
    expect(file.tensor("a").tolist()).toEqual([1, 2, 3]);
    expect(file.tensor("b").tolist()).toEqual([1.5, -2]);
  });

  it("is refused where it was cut short after it was opened", async () => {
    const path = join(folder, "cut.safetensors");
    await writeSafetensors(path, new Map([["w", torch.ones([1000])]]));
    using file = readSafetensors(path);
    const { byteOffset } = file.entry("w");
    truncateSync(path, byteOffset + 10);
    expect(() => file.tensor("w")).toThrow(
      `${path}: data: expected 4000 bytes at offset ${byteOffset} but found 10; the file was truncated while it was being read`,
    );
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
