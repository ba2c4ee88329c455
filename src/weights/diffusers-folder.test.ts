import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { loadModelFolder, type ModelFolderContent, saveModelFolder } from "./diffusers-folder.ts";
import { writeSafetensors } from "./safetensors/safetensors.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-folder-"));
afterAll(() => rmSync(top, { recursive: true }));

let counter = 0;
const newFolder = (): string => join(top, `${counter++}`);

const tensors = (): Map<string, Tensor> =>
  new Map(["c", "a", "b"].map((name, i) => [`${name}.weight`, torch.full([10], i)]));
const save = (folder: string, more: Partial<ModelFolderContent> = {}): Promise<void> =>
  saveModelFolder(folder, {
    config: { b: 1, _class_name: "X" },
    tensors: tensors(),
    baseName: "diffusion_pytorch_model",
    ...more,
  });

const SHARDED = [
  "config.json",
  "diffusion_pytorch_model-00001-of-00003.safetensors",
  "diffusion_pytorch_model-00002-of-00003.safetensors",
  "diffusion_pytorch_model-00003-of-00003.safetensors",
  "diffusion_pytorch_model.safetensors.index.json",
];
const SINGLE = ["config.json", "diffusion_pytorch_model.safetensors"];

describe("saveModelFolder", () => {
  it("writes one file with the format's mark, and loadModelFolder reads it", async () => {
    const folder = newFolder();
    await save(join(folder, "transformer"));
    expect(readdirSync(join(folder, "transformer")).sort()).toEqual(SINGLE);
    expect(readFileSync(join(folder, "transformer", "config.json"), "utf8")).toBe(
      '{\n  "_class_name": "X",\n  "b": 1\n}\n',
    );
    using model = loadModelFolder(folder, {
      subfolder: "transformer",
      baseName: "diffusion_pytorch_model",
    });
    expect(model.config).toEqual({ b: 1, _class_name: "X" });
    expect([...model.tensors.keys()].sort()).toEqual(["a.weight", "b.weight", "c.weight"]);
    expect(model.tensors.get("a.weight")).toMatchObject({ dtype: "float32", shape: [10] });
    expect(model.tensor("a.weight").sum().item()).toBe(10);
    expect(() => model.tensor("d")).toThrow(
      `${join(folder, "transformer")}: tensor "d": expected a tensor of that name but found 3 others`,
    );
  });

  it("splits above the limit, with an index in the order of names", async () => {
    const folder = newFolder();
    await save(folder, { maxShardBytes: 40 });
    expect(readdirSync(folder).sort()).toEqual(SHARDED);
    const index = readFileSync(join(folder, SHARDED[4] ?? ""), "utf8");
    expect(index).toBe(
      `{\n  "metadata": {\n    "total_size": 120\n  },\n  "weight_map": {\n    "a.weight": "${SHARDED[2]}",\n    "b.weight": "${SHARDED[3]}",\n    "c.weight": "${SHARDED[1]}"\n  }\n}\n`,
    );
    using model = loadModelFolder(folder, { baseName: "diffusion_pytorch_model" });
    expect(model.tensor("b.weight").sum().item()).toBe(20);
  });

  it("removes the weight files of an earlier save, and nothing else", async () => {
    const folder = newFolder();
    await save(folder, { maxShardBytes: 40 });
    await save(folder, { variant: "fp16" });
    writeFileSync(join(folder, "notes-00001-of-00002.safetensors"), "");
    await save(folder);
    const others = ["diffusion_pytorch_model.fp16.safetensors", "notes-00001-of-00002.safetensors"];
    expect(readdirSync(folder).sort()).toEqual([...SINGLE, ...others].sort());
    await save(folder, { maxShardBytes: 80 });
    expect(existsSync(join(folder, SINGLE[1] ?? ""))).toBe(false);
    using model = loadModelFolder(folder, { baseName: "diffusion_pytorch_model" });
    expect(model.tensors.size).toBe(3);
  });

  it("puts the variant where diffusers looks for it", async () => {
    const folder = newFolder();
    await save(folder, { variant: "fp16", maxShardBytes: 80, baseName: "model" });
    expect(readdirSync(folder).sort()).toEqual([
      "config.json",
      "model.fp16-00001-of-00002.safetensors",
      "model.fp16-00002-of-00002.safetensors",
      "model.safetensors.index.fp16.json",
    ]);
    using model = loadModelFolder(folder, { variant: "fp16", baseName: "model" });
    expect(model.tensors.size).toBe(3);
    expect(() => loadModelFolder(folder, { baseName: "model" })).toThrow(
      `${folder}: weights: expected model.safetensors or model.safetensors.index.json or pytorch_model.bin or pytorch_model.bin.index.json but found none of them`,
    );
  });
});

describe("loadModelFolder refuses", () => {
  const load = (folder: string): unknown =>
    loadModelFolder(folder, { baseName: "diffusion_pytorch_model" });

  it("a folder without configuration", () => {
    const folder = newFolder();
    expect(() => load(folder)).toThrow(
      `${join(folder, "config.json")}: file: expected a JSON file but found nothing of that name`,
    );
  });

  it("a damaged pickle", () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), "{}");
    writeFileSync(join(folder, "diffusion_pytorch_model.bin"), "");
    expect(() => load(folder)).toThrow(
      `${join(folder, "diffusion_pytorch_model.bin")}: file: expected a zip or a pickle, as torch.save writes but found something else`,
    );
  });

  it("a whole file beside an index", async () => {
    const folder = newFolder();
    await save(folder);
    writeFileSync(join(folder, SHARDED[4] ?? ""), '{"weight_map":{}}');
    expect(() => load(folder)).toThrow(
      `${folder}: weights: expected diffusion_pytorch_model.safetensors or diffusion_pytorch_model.safetensors.index.json but found both; remove the stale one`,
    );
  });

  it("a file without a tensor that the index promises in it", async () => {
    const folder = newFolder();
    await save(folder, { maxShardBytes: 40 });
    await writeSafetensors(join(folder, SHARDED[1] ?? ""), new Map([["z", torch.ones([1])]]));
    expect(() => load(folder)).toThrow(
      `${join(folder, SHARDED[1] ?? "")}: tensor "c.weight": expected a tensor of that name but found 1 others`,
    );
  });

  it("a tensor in two files", async () => {
    const folder = newFolder();
    await save(folder, { maxShardBytes: 40 });
    await writeSafetensors(join(folder, SHARDED[2] ?? ""), tensors());
    expect(() => load(folder)).toThrow(
      `${join(folder, SHARDED[3] ?? "")}: tensor "b.weight": expected each tensor in one file but found it in ${join(folder, SHARDED[2] ?? "")} too`,
    );
  });
});
