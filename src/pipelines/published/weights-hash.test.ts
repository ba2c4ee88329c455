import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { weightsHash } from "./weights-hash.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-hash-"));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
const digest = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 10);

describe("weightsHash", () => {
  it("is the start of the file's SHA-256", async () => {
    await write("diffusion_pytorch_model.safetensors", "weights");
    await write("config.json", "{}");
    expect(await weightsHash(folder)).toBe(digest("weights"));
  });

  it("takes shards in order", async () => {
    await write("diffusion_pytorch_model-00002-of-00002.safetensors", "b");
    await write("diffusion_pytorch_model-00001-of-00002.safetensors", "a");
    const [first, second] = ["00001", "00002"].map(
      (number) => `diffusion_pytorch_model-${number}-of-00002.safetensors`,
    );
    await write(
      "diffusion_pytorch_model.safetensors.index.json",
      JSON.stringify({ metadata: {}, weight_map: { x: second, y: first } }),
    );
    expect(await weightsHash(folder)).toBe(digest("ab"));
  });

  it("takes a pickle where there is nothing else", async () => {
    await write("diffusion_pytorch_model.bin", "pickled");
    expect(await weightsHash(folder)).toBe(digest("pickled"));
    await write("diffusion_pytorch_model.safetensors", "weights");
    expect(await weightsHash(folder)).toBe(digest("weights"));
  });

  it("is of nothing else than weights", async () => {
    await write("config.json", "{}");
    await expect(weightsHash(folder)).rejects.toThrow("none of them");
  });

  it("takes the variant that was loaded", async () => {
    await write("diffusion_pytorch_model.safetensors", "full");
    await write("diffusion_pytorch_model.fp16.safetensors", "half");
    expect(await weightsHash(folder)).toBe(digest("full"));
    expect(await weightsHash(folder, "fp16")).toBe(digest("half"));
  });
});
