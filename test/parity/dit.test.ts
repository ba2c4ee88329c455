import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toDiffusersDiT } from "../../src/models/dit/diffusers-keys.ts";
import { DiTTransformer2DModel } from "../../src/models/dit/transformer.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import keyList from "./dit-keys.json" with { type: "json" };
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("dit.py", import.meta.url));

const tiny = {
  sample_size: 8,
  num_layers: 3,
  attention_head_dim: 8,
  num_attention_heads: 3,
  num_embeds_ada_norm: 10,
  out_channels: 8,
};

const usual = { batch: 2, size: 8, original: false };

const cases = [
  { ...usual, name: "diffusers' function", config: tiny },
  { ...usual, name: "the original's function", original: true, config: tiny },
  { ...usual, name: "another grid than the native one", size: 12, config: tiny },
  {
    ...usual,
    name: "as many channels out as in, affine norm, no attention bias, patches of 4",
    config: {
      ...tiny,
      out_channels: null,
      norm_elementwise_affine: true,
      attention_bias: false,
      patch_size: 4,
      norm_eps: 1e-2,
      activation_fn: "geglu",
      num_layers: 1,
    },
  },
].map((one, i) => ({ ...one, seed: i }));

let folder = "";
/** Keys and shapes of the released model in diffusers. */
let theirKeys: unknown;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-parity-dit-"));
  const released = { out_channels: 8 };
  theirKeys = await runPython(script, { action: "make", folder, cases, released });
});
afterAll(() => rm(folder, { recursive: true }));

/** The model that Python saved; its file is silent on the original's frequencies and epsilon. */
async function load(name: string, original: boolean): Promise<DiTTransformer2DModel> {
  const model = await DiTTransformer2DModel.fromPretrained(join(folder, name));
  expect(model.config.timestepFreqShift).toBe(1);
  if (!original) return model;
  const { config } = model;
  const other = new DiTTransformer2DModel({ ...config, timestepFreqShift: 0, normEps: 1e-6 });
  other.loadStateDict(model.stateDict());
  return other;
}

const openCase = (name: string) => readSafetensors(join(folder, name, "io.safetensors"));

describe.each(cases)("DiTTransformer2DModel against diffusers: $name", ({ name, original }) => {
  it("computes the same", async () => {
    const model = await load(name, original);
    const file = openCase(name);
    const inputs = {
      timestep: file.tensor("timestep"),
      classLabels: file.tensor("class_labels"),
    };
    expectClose(model.call(file.tensor("hidden_states"), inputs), file.tensor("output"));
  });

  it.each([false, true])("has the same gradients (checkpointing: %s)", async (checkpointing) => {
    const model = await load(name, original);
    model.gradientCheckpointing = checkpointing;
    const file = openCase(name);
    const inputs = {
      timestep: file.tensor("timestep"),
      classLabels: file.tensor("class_labels"),
    };
    const x = file.tensor("hidden_states");
    torch.backward(torch.tidy(() => model.call(x, inputs).mul(file.tensor("weight")).sum()));
    const gradients = readSafetensors(join(folder, name, "gradients.safetensors"));
    expectSameGradients(model.namedParameters(), summed(gradients));
  });
});

/** Diffusers' gradients under our keys: those of the blocks' copies of an embedder add up. */
function summed(file: ReturnType<typeof readSafetensors>): Map<string, torch.Tensor> {
  const gradients = new Map<string, torch.Tensor>();
  for (const key of file.tensors.keys()) {
    const own = key.replace(/^transformer_blocks\.\d+\.norm1\.emb\./, "");
    const known = gradients.get(own);
    gradients.set(own, known === undefined ? file.tensor(key) : known.add(file.tensor(key)));
  }
  return gradients;
}

describe("what savePretrained writes", () => {
  interface Reloaded {
    readonly distance: number;
    readonly same: boolean;
    readonly loading: Readonly<Record<string, readonly string[]>>;
    readonly config: Readonly<Record<string, unknown>>;
  }

  it("is loaded by diffusers and gives the same output and config.json", async () => {
    const models = cases.map(({ name, original }) => ({
      folder: join(folder, name, "ours"),
      original: join(folder, name),
      is_original: original,
    }));
    for (const { name } of cases) {
      const model = await DiTTransformer2DModel.fromPretrained(join(folder, name));
      await model.savePretrained(join(folder, name, "ours"));
    }
    const reloaded = (await runPython(script, { action: "reload", models })) as Reloaded[];
    reloaded.forEach(({ distance, same, loading, config }, i) => {
      expect(same).toBe(true);
      expect(distance).toBeLessThanOrEqual(1e-5);
      expect(Object.values(loading).flat()).toEqual([]);
      const ours: Record<string, unknown> = JSON.parse(
        readFileSync(join(models[i]?.folder ?? "", "config.json"), "utf8"),
      );
      const { _diffusers_version: _, _name_or_path: __, ...theirs } = config;
      expect({ ...theirs, timestep_freq_shift: 1 }).toEqual(ours);
    });
  });

  it("says so where time is embedded as the original does", async () => {
    const model = await load("the original's function", true);
    const path = join(folder, "original again");
    await model.savePretrained(path);
    const again = await DiTTransformer2DModel.fromPretrained(path);
    expect(again.config).toEqual(model.config);
    expect(again.config.timestepFreqShift).toBe(0);
  });
});

describe("keys of DiT-XL/2", () => {
  it("are the committed ones", () => {
    const model = construct({ device: "meta" }, () => new DiTTransformer2DModel());
    const ours = toDiffusersDiT(model.stateDict(), model.config.numLayers);
    const shapes = [...ours].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(shapes)).toEqual(keyList);
  });

  it("are diffusers'", () => {
    expect(theirKeys).toEqual(keyList);
    // The original's 674,834,720, and 27 more copies of the 2,777,472 weights of both embedders.
    const sizes = Object.values(keyList).map((shape) => shape.reduce((n, size) => n * size, 1));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(749_826_464);
  });
});
