import { cpSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readCaptionFeature, readLatentFeature } from "../../src/data/pixart-features.ts";
import { PixArtTransformer2DModel } from "../../src/models/index.ts";
import * as torch from "../../src/torch/index.ts";
import { openWeightsFile, writeSafetensors, writeTorchFile } from "../../src/weights/index.ts";
import { runPython } from "../faults/python.ts";
import { npyBytes, zipBytes } from "../fixtures/numpy-files.ts";
import { type FuzzedReader, tinyTransformer } from "./fuzzed-reader.ts";

const MMENGINE = fileURLToPath(new URL("../faults/golden/mmengine-0.10.7.pth", import.meta.url));

const tensors = (): Map<string, torch.Tensor> =>
  new Map([
    ["layer.0.weight", torch.randn([3, 4])],
    ["layer.0.bias", torch.zeros([4], { dtype: "bfloat16" })],
    ["steps", torch.ones([2], { dtype: "int64" })],
  ]);

/** Opens a file of weights and reads every tensor. */
function readWeights(path: string): void {
  using file = openWeightsFile(path);
  for (const name of file.tensors.keys()) file.tensor(name).dispose();
}

/** A reader of one file of weights. */
const weights = (
  name: string,
  file: string,
  write: (path: string) => Promise<void> | void,
): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    await write(join(folder, file));
    return [file];
  },
  read: async (folder) => readWeights(join(folder, file)),
});

/** Files of tensors. */
export const readersOfWeights: readonly FuzzedReader[] = [
  weights("safetensors", "x.safetensors", (path) => writeSafetensors(path, tensors(), { a: "b" })),
  weights("pth-zip", "x.pth", (path) => {
    const bytes = (): Uint8Array => new Uint8Array(12);
    return writeTorchFile(path, new Map([["w", { dtype: "uint8", shape: [3, 4], bytes }]]));
  }),
  weights("pth-mmengine", "x.pth", (path) => cpSync(MMENGINE, path)),
  weights("pth-older", "x.pth", (path) => {
    runPython("../reliability/write_older_checkpoint.py", path);
  }),
  {
    name: "shard-index",
    prepare: async (folder) => {
      await tinyTransformer().savePretrained(folder);
      const name = "diffusion_pytorch_model-00001-of-00001.safetensors";
      renameSync(join(folder, "diffusion_pytorch_model.safetensors"), join(folder, name));
      const keys = [...tinyTransformer().stateDict().keys()];
      const index = {
        metadata: { total_size: 1 },
        weight_map: Object.fromEntries(keys.map((key) => [key, name])),
      };
      const file = "diffusion_pytorch_model.safetensors.index.json";
      writeFileSync(join(folder, file), JSON.stringify(index, undefined, 2));
      return [file];
    },
    read: async (folder) => (await PixArtTransformer2DModel.fromPretrained(folder)).dispose(),
  },
  {
    name: "npz",
    prepare: async (folder) => {
      const bytes = new Uint8Array(1 * 4 * 3 * 4);
      const states = npyBytes({ dtype: "float32", shape: [1, 4, 3], bytes });
      const mask = npyBytes({
        dtype: "int64",
        shape: [1, 4],
        bytes: new Uint8Array(32).fill(1, 0, 1),
      });
      writeFileSync(
        join(folder, "x.npz"),
        zipBytes({ "caption_feature.npy": states, "attention_mask.npy": mask }),
      );
      return ["x.npz"];
    },
    read: async (folder) => {
      const shape = { width: 3, tokens: 1, dtype: "float32" } as const;
      readCaptionFeature(join(folder, "x.npz"), shape).dispose();
    },
  },
  {
    name: "npy",
    prepare: async (folder) => {
      const bytes = new Uint8Array(8 * 2 * 2 * 4);
      writeFileSync(join(folder, "x.npy"), npyBytes({ dtype: "float32", shape: [8, 2, 2], bytes }));
      return ["x.npy"];
    },
    read: async (folder) => {
      const shape = { shape: [4, 2, 2], dtype: "float32" } as const;
      for (const tensor of readLatentFeature(join(folder, "x.npy"), shape)) tensor.dispose();
    },
  },
];
