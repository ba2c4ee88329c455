import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelFolder, parseConfig, saveModelFolder } from "../../src/weights/index.ts";
import { SafetensorsBytes } from "../../src/weights/safetensors/safetensors-bytes.ts";
import { runPython } from "./python.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-diffusers-"));
afterAll(() => rmSync(top, { recursive: true }));

const theirs = join(top, "theirs");
const ours = join(top, "ours");
const kinds = [
  { name: "whole", variant: undefined, maxShardBytes: undefined },
  { name: "sharded", variant: undefined, maxShardBytes: 2000 },
  { name: "variant", variant: "bf16", maxShardBytes: 2000 },
] as const;
const baseName = "diffusion_pytorch_model";

let stateDictOrder: string[] = [];
beforeAll(async () => {
  stateDictOrder = JSON.parse(runPython("make_model_folders.py", "save", theirs)) as string[];
  for (const { name, variant, maxShardBytes } of kinds) {
    using model = loadModelFolder(theirs, { subfolder: name, variant, baseName });
    const tensors = new Map(stateDictOrder.map((key) => [key, model.tensor(key)]));
    const { config } = model;
    await saveModelFolder(join(ours, name), { config, tensors, baseName, variant, maxShardBytes });
  }
});

/** What a file holds, wherever in it that lies. */
function contentOf(path: string): unknown {
  using file = new SafetensorsBytes(path);
  const tensors = [...file.tensors].map(([key, { dtype, shape }]) => {
    const sha = createHash("sha256").update(file.bytes(key)).digest("hex");
    return [key, { dtype, shape, sha }] as const;
  });
  return { metadata: file.metadata, tensors: new Map(tensors) };
}

describe.each(kinds)("a $name folder of diffusers", ({ name, variant }) => {
  it("is read whole and written again, file for file", () => {
    const files = readdirSync(join(theirs, name)).sort();
    expect(readdirSync(join(ours, name)).sort()).toEqual(files);
    expect(files.length > 3).toBe(name !== "whole");
    for (const file of files) {
      const [expected, found] = [theirs, ours].map((side) => readFileSync(join(side, name, file)));
      // Numbers may be spelled differently there: 1e-06 for 0.000001, 0.0 for 0.
      if (file === "config.json")
        expect(parseConfig(`${found}`)).toEqual(parseConfig(`${expected}`));
      else if (file.endsWith(".safetensors"))
        expect(contentOf(join(ours, name, file))).toEqual(contentOf(join(theirs, name, file)));
      else expect(found?.equals(expected ?? Buffer.alloc(0)), file).toBe(true);
    }
    using model = loadModelFolder(ours, { subfolder: name, variant, baseName });
    expect([...model.tensors.keys()].sort()).toEqual(stateDictOrder.toSorted());
  });
});

it("what we write loads in diffusers with no missing or unexpected key and equal bytes", () => {
  const read = JSON.parse(runPython("make_model_folders.py", "load", ours)) as Record<
    string,
    Record<string, [string, number[], string]>
  >;
  for (const { name, variant } of kinds) {
    using model = loadModelFolder(ours, { subfolder: name, variant, baseName });
    const expected = stateDictOrder.map((key) => {
      const tensor = model.tensor(key);
      const sha = createHash("sha256").update(tensor.toBytes()).digest("hex");
      return [key, [`torch.${tensor.dtype}`, tensor.shape, sha]];
    });
    expect(read[name]).toEqual(Object.fromEntries(expected));
  }
});
