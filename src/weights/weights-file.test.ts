import { mkdtemp, readFile, rm } from "node:fs/promises";
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
    // Headers are padded to multiples of 8 bytes, so that 32 lengths in a row have every first byte there is.
    for (let i = 0; i < 32; i++) {
      const name = "w".repeat(200 + 8 * i);
      const path = join(folder, `${i}.safetensors`);
      await writeSafetensors(path, new Map([[name, torch.tensor([i])]]));
      firstBytes.add((await readFile(path))[0]);
      using file = openWeightsFile(path);
      expect(file.tensor(name).item()).toBe(i);
    }
    expect(firstBytes).toContain(0x80);
  });
});
