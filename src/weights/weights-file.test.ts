import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { readConfig } from "../files/reading/config-json.ts";
import * as torch from "../torch/index.ts";
import { writeSafetensors } from "./safetensors/safetensors.ts";
import { writeTorchFile } from "./torch-file/torch-file-writer.ts";
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

  it("has a tensor of a .pth only where it is wanted", async () => {
    const path = join(folder, "moved.pth");
    const bytes = (): Uint8Array => new Uint8Array(4);
    await writeTorchFile(path, new Map([["w", { dtype: "uint8", shape: [4], bytes }]]));
    using file = openWeightsFile(path);
    collectGarbage();
    const before = torch.memory().tensors;
    const moved = file.tensor("w", { device: "meta" });
    expect(torch.memory().tensors).toBe(before + 1);
    expect(moved.device).toBe("meta");
  });

  it.each(["pth", "ckpt", "bin", "pt"])("takes safetensors that are named .%s", async (ending) => {
    const path = join(folder, `named.${ending}`);
    await writeSafetensors(join(folder, "own.safetensors"), new Map([["w", torch.tensor([7])]]));
    await copyFile(join(folder, "own.safetensors"), path);
    using file = openWeightsFile(path);
    expect(file.tensor("w").item()).toBe(7);
    await writeFile(path, Buffer.from("something else that is no file of weights"));
    expect(() => openWeightsFile(path)).toThrow("expected a zip or a pickle, as torch.save writes");
  });

  it.each([
    [
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 2444\n",
      "a Git LFS pointer to the file; fetch the file itself: git lfs pull, or download it again",
    ],
    [
      "<!DOCTYPE html>\n<html><head><title>Sign in</title>",
      "a web page (HTML or XML); the address it came from returned a page: download the file itself",
    ],
    ["\n<body>Not found</body>", "a web page (HTML or XML);"],
    ['\ufeff\n <?xml version="1.0"?><Error><Code>AccessDenied</Code>', "a web page (HTML or XML);"],
  ])("says what stands in a file's place: %s", async (content, found) => {
    for (const ending of ["pth", "safetensors", "bin"]) {
      const path = join(folder, `stand-in.${ending}`);
      await writeFile(path, content);
      expect(() => openWeightsFile(path)).toThrow(
        `${path}: file: expected a file of weights but found ${found}`,
      );
    }
    const config = join(folder, "config.json");
    await writeFile(config, content);
    expect(() => readConfig(config)).toThrow(
      `${config}: file: expected a JSON file but found ${found}`,
    );
  });
});
