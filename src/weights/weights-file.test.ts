import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as torch from "../torch/index.ts";
import { writeSafetensors } from "./safetensors.ts";
import { openWeightsFile } from "./weights-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-weights-file-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("openWeightsFile", () => {
  it("takes safetensors for what they are, whatever the first byte of their header's length", async () => {
    const firstBytes = new Set<number | undefined>();
    const path = join(folder, "w.safetensors");
    await writeSafetensors(path, new Map([["w", torch.tensor([7])]]));
    const written = await readFile(path);
    const length = Number(written.readBigUInt64LE());
    // Other writers pad headers to multiples of 8 bytes: 32 lengths in a row have every first byte that there is.
    for (let i = 0; i < 32; i++) {
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(BigInt(length + 8 * i));
      const end = 8 + length;
      const padded = [
        prefix,
        written.subarray(8, end),
        Buffer.alloc(8 * i, " "),
        written.subarray(end),
      ];
      await writeFile(path, Buffer.concat(padded));
      firstBytes.add(prefix[0]);
      using file = openWeightsFile(path);
      expect(file.tensor("w").item()).toBe(7);
    }
    expect(firstBytes).toContain(0x80);
  });
});
