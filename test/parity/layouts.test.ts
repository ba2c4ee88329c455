import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { convertCommand } from "../../src/cli/convert.ts";
import { DiTTransformer2DModel } from "../../src/models/dit/transformer.ts";
import { convertCheckpoint } from "../../src/models/index.ts";
import {
  pixArtControlNetOriginalKeys,
  pixArtOriginalKeys,
} from "../../src/models/pixart/original-keys.ts";
import { PixArtTransformer2DModel } from "../../src/models/pixart/transformer.ts";
import { PixArtControlNetAdapterModel } from "../../src/models/pixart-controlnet/index.ts";
import { construct } from "../../src/nn/index.ts";
import type { DType, Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";
import {
  joinWeights,
  loadModelFolder,
  openWeightsFile,
  readSafetensors,
  splitWeights,
  type TypedWeights,
  weightsOfFile,
  writeSafetensors,
} from "../../src/weights/index.ts";
import { expectClose } from "./compare.ts";
import keyList from "./pixart-keys.json" with { type: "json" };
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("layouts.py", import.meta.url));
const golden = fileURLToPath(new URL("../faults/golden/mmengine-0.10.7.pth", import.meta.url));

const tiny = {
  sample_size: 8,
  num_layers: 2,
  attention_head_dim: 8,
  num_attention_heads: 3,
  caption_channels: 16,
  cross_attention_dim: 24,
  use_additional_conditions: false,
};
/** No published model is 24 wide. */
const heads = { numAttentionHeads: 3 };

const cases = [
  { name: "alpha", tokens: 5, positions: true, training: true, config: tiny, facts: heads },
  {
    name: "alpha told the size",
    tokens: 120,
    positions: false,
    training: false,
    config: { ...tiny, sample_size: 128, use_additional_conditions: true },
    facts: heads,
  },
  {
    name: "sigma of 256 px, with positions",
    tokens: 0,
    positions: true,
    training: false,
    config: { ...tiny, sample_size: 32, interpolation_scale: 0.5 },
    facts: heads,
  },
  {
    name: "sigma of 256 px, with null caption",
    tokens: 300,
    positions: false,
    training: false,
    config: { ...tiny, sample_size: 32, interpolation_scale: 0.5 },
    facts: { ...heads, sampleSize: 32 },
  },
  {
    // Nothing has to be told of a model as wide as a published one.
    name: "of a published width",
    tokens: 120,
    positions: true,
    training: false,
    config: {
      ...tiny,
      num_layers: 1,
      attention_head_dim: 64,
      num_attention_heads: 6,
      cross_attention_dim: 384,
    },
    facts: {},
  },
].map((one, seed) => ({ ...one, seed }));
const dit = {
  name: "dit",
  seed: 9,
  config: {
    sample_size: 8,
    num_layers: 2,
    attention_head_dim: 8,
    num_attention_heads: 3,
    num_embeds_ada_norm: 10,
    out_channels: 8,
  },
};

let folder = "";
const at = (...names: string[]): string => join(folder, ...names);
let releasedOriginal: Record<string, number[]> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-layouts-"));
  releasedOriginal = (await runPython(script, {
    action: "make",
    folder,
    cases: [...cases, dit],
  })) as typeof releasedOriginal;
  await convertAll();
});
afterAll(() => rm(folder, { recursive: true }));

/** Every way round, so that one process of Python can read all of it. */
async function convertAll(): Promise<void> {
  for (const { name, facts } of cases) {
    const to = (target: "diffusers" | "original" | "single-file", from: string, out: string) =>
      convertCheckpoint(at(name, from), at(name, out), { ...facts, to: target });
    await to("diffusers", "original.pth", "folder");
    await to("original", "folder", "again.pth");
    await to("original", "diffusers", "ours.pth");
    await to("diffusers", "ours.pth", "back");
    await to("single-file", "original.pth", "single.safetensors");
  }
  const convert = (from: string, out: string, to: "diffusers" | "original" | "single-file") =>
    convertCheckpoint(at("dit", from), at("dit", out), { ...heads, to });
  await convert("original.pt", "folder", "diffusers");
  await convert("folder", "again.pth", "original");
  await convert("again.pth", "single.safetensors", "single-file");
  await convert("diffusers", "from-diffusers.pth", "original");
  written = (await runPython(script, {
    action: "read",
    paths: [
      ...cases.flatMap(({ name }) =>
        ["folder", "again.pth", "ours.pth", "original.pth", "single.safetensors", "diffusers"].map(
          (file) => at(name, file),
        ),
      ),
      ...["folder", "again.pth", "original.pt", "single.safetensors", "diffusers"].map((file) =>
        at("dit", file),
      ),
    ],
  })) as Written;
}
type Written = Record<string, Record<string, [dtype: string, shape: number[], sha256: string]>>;
let written: Written = {};

const without = <T>(record: Record<string, T> = {}, ...keys: string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));

describe.each(cases)("$name", ({ name, facts, config, tokens }) => {
  const io = (key: string): Tensor => readSafetensors(at(name, "io.safetensors")).tensor(key);
  const call = (model: PixArtTransformer2DModel): Tensor =>
    torch.noGrad(() =>
      model.call(io("hidden_states"), {
        encoderHiddenStates: io("caption"),
        timestep: io("timestep"),
        encoderAttentionMask: io("mask"),
        addedCondKwargs: { resolution: io("resolution"), aspectRatio: io("aspect_ratio") },
      }),
    );

  it.each(["original.pth", "original.safetensors"])(
    "%s computes what diffusers does",
    async (file) => {
      const model = await PixArtTransformer2DModel.fromSingleFile(at(name, file), facts);
      expect(model.config.sampleSize).toBe(config.sample_size);
      expectClose(call(model), io("output"));
    },
  );

  it("as a converted folder computes the same", async () => {
    const model = await PixArtTransformer2DModel.fromPretrained(at(name, "folder"));
    expectClose(call(model), io("output"));
  });

  it(".pth to diffusers gives diffusers' tensors, and back the same .pth but for the null caption", () => {
    expect(written[at(name, "folder")]).toEqual(written[at(name, "diffusers")]);
    const original = without(
      written[at(name, "original.pth")],
      "y_embedder.y_embedding",
      "pos_embed",
    );
    expect(without(written[at(name, "again.pth")], "pos_embed")).toEqual(original);
  });

  it("diffusers to .pth and back gives the same file", () => {
    const [first, last] = ["diffusers", "back"].map((one) =>
      readFileSync(at(name, one, "diffusion_pytorch_model.safetensors")),
    );
    expect(first?.equals(last ?? Buffer.of())).toBe(true);
  });

  it("keeps in a single file what diffusers has no place for", () => {
    const original = written[at(name, "original.pth")];
    const single = written[at(name, "single.safetensors")] ?? {};
    expect(without(single, "pos_embed")).toEqual(without(original, "pos_embed"));
    expect("y_embedder.y_embedding" in single).toBe(tokens > 0);
    // ComfyUI reads the size of the picture from this (comfy/model_detection.py).
    const width = config.cross_attention_dim;
    expect(single.pos_embed?.[1]).toEqual([1, (config.sample_size / 2) ** 2, width]);
    expect("t_block.1.weight" in single).toBe(true);
  });

  it("writes the positions of the original to the bit", () => {
    const original = written[at(name, "original.pth")]?.pos_embed;
    if (original === undefined) return;
    expect(written[at(name, "again.pth")]?.pos_embed).toEqual(original);
  });
});

describe("dit", () => {
  const io = (key: string): Tensor => readSafetensors(at("dit", "io.safetensors")).tensor(key);
  const call = (model: DiTTransformer2DModel): Tensor =>
    torch.noGrad(() =>
      model.call(io("hidden_states"), {
        timestep: io("timestep"),
        classLabels: io("class_labels"),
      }),
    );

  it.each([
    ["original.pt", {}],
    ["train.pt", { ema: true }],
    ["again.pth", {}],
    ["single.safetensors", {}],
  ])("%s computes what the original does", async (file, options) => {
    const model = await DiTTransformer2DModel.fromSingleFile(at("dit", file), {
      ...heads,
      ...options,
    });
    expect(model.config).toMatchObject({
      sampleSize: 8,
      numEmbedsAdaNorm: 10,
      timestepFreqShift: 0,
    });
    expectClose(call(model), io("output"));
  });

  it("has the weights of the last step where the averaged are not asked for", async () => {
    const model = await DiTTransformer2DModel.fromSingleFile(at("dit", "train.pt"), heads);
    const averaged = await DiTTransformer2DModel.fromSingleFile(at("dit", "original.pt"), heads);
    expectClose(model.projOut2.weight, averaged.projOut2.weight.mul(2));
  });

  it("loads as a folder, and from the folder's weight file alone", async () => {
    expectClose(
      call(await DiTTransformer2DModel.fromPretrained(at("dit", "folder"))),
      io("output"),
    );
    const file = at("dit", "folder", "diffusion_pytorch_model.safetensors");
    expectClose(call(await DiTTransformer2DModel.fromSingleFile(file)), io("output"));
  });

  it("round trips give the same bytes", () => {
    expect(written[at("dit", "folder")]).toEqual(written[at("dit", "diffusers")]);
    const original = written[at("dit", "original.pt")];
    expect(written[at("dit", "again.pth")]).toEqual(original);
    expect(written[at("dit", "single.safetensors")]).toEqual(original);
    const [one, other] = ["again.pth", "from-diffusers.pth"].map((name) =>
      readFileSync(at("dit", name)),
    );
    expect(one?.equals(other ?? Buffer.of())).toBe(true);
  });
});

describe("keys", () => {
  /** Weights of nothing but shapes. */
  const shapesOnly = (shapes: Record<string, readonly number[]>): TypedWeights => ({
    keys: () => Object.keys(shapes),
    shape: (key) => shapes[key] ?? [],
    dtype: () => "float32",
    tensor: () => {
      throw new Error("no tensor is read for its shape");
    },
  });
  const shapesOf = (weights: TypedWeights): Record<string, readonly number[]> =>
    Object.fromEntries(Array.from(weights.keys(), (key) => [key, weights.shape(key)]));

  it("of the released α 1024-MS all have their place, both ways, with no key left over", () => {
    const original = without(releasedOriginal, "pos_embed", "y_embedder.y_embedding");
    const split = splitWeights(shapesOnly(original), pixArtOriginalKeys);
    expect(shapesOf(split)).toEqual(keyList);
    expect(shapesOf(joinWeights(split, pixArtOriginalKeys))).toEqual(original);
  });

  it("of a δ ControlNet go to the adapter of diffusers' example and back", () => {
    using file = openWeightsFile(at("control.pth"));
    using adapter = readSafetensors(at("adapter.safetensors"));
    const all = weightsOfFile(file);
    const control = {
      ...all,
      keys: () => [...all.keys()].filter((k) => k.startsWith("controlnet.")),
    };
    const split = splitWeights(control, pixArtControlNetOriginalKeys);
    expect([...split.keys()].sort()).toEqual([...adapter.tensors.keys()].sort());
    for (const key of split.keys()) {
      expect(split.tensor(key).equal(adapter.tensor(key)), key).toBe(true);
    }
    const joined = joinWeights(split, pixArtControlNetOriginalKeys);
    expect([...joined.keys()].sort()).toEqual([...control.keys()].sort());
    for (const key of joined.keys()) expect(joined.tensor(key).equal(all.tensor(key))).toBe(true);
  });

  it("of a δ ControlNet load into the adapter, from the file that holds the transformer too", async () => {
    const load = (path: string) => PixArtControlNetAdapterModel.fromSingleFile(path, heads);
    const model = await load(at("control.pth"));
    expect(model.config).toMatchObject({
      numLayers: 2,
      numAttentionHeads: 3,
      crossAttentionDim: 24,
    });
    using adapter = readSafetensors(at("adapter.safetensors"));
    for (const [key, tensor] of model.stateDict()) {
      expect(tensor.equal(adapter.tensor(key)), key).toBe(true);
    }
    const plain = at("alpha", "original.pth");
    await expect(load(plain)).rejects.toThrow(
      `${plain}: tensors: expected a ControlNet under controlnet.0 but found`,
    );
  });

  it("of PixArt-Σ's compressed keys and values, and of its normalised queries, load", async () => {
    const model = construct(
      { generator: torch.generator(0) },
      () =>
        new PixArtTransformer2DModel({
          sampleSize: 8,
          numLayers: 2,
          attentionHeadDim: 8,
          numAttentionHeads: 3,
          captionChannels: 16,
          crossAttentionDim: 24,
          interpolationScale: 1,
          useAdditionalConditions: false,
          qkNorm: true,
          kvCompressConfig: { sampling: "conv", scaleFactor: 2, kvCompressLayer: [1] },
        }),
    );
    await model.savePretrained(at("compressed"));
    await convertCheckpoint(at("compressed"), at("compressed.pth"), { to: "original" });
    using file = openWeightsFile(at("compressed.pth"));
    for (const [key, shape] of [
      ["blocks.1.attn.sr.weight", [24, 1, 2, 2]],
      ["blocks.1.attn.norm.bias", [24]],
      ["blocks.0.attn.q_norm.weight", [24]],
    ] as const) {
      expect(file.tensors.get(key)?.shape).toEqual(shape);
    }
    const again = await PixArtTransformer2DModel.fromSingleFile(at("compressed.pth"), heads);
    expect(again.config).toEqual(model.config);
  });
});

describe("torch checkpoints", () => {
  it.each(["odd.pth", "odd4.pth"])("%s: views of every kind and element type are read", (name) => {
    using expected = readSafetensors(at("odd.safetensors"));
    using file = openWeightsFile(at(name));
    expect([...file.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
    for (const [key, { dtype, shape }] of expected.tensors) {
      expect(file.tensors.get(key), key).toMatchObject({ dtype, shape });
      const [found, wanted] = [file.tensor(key), expected.tensor(key)].map((tensor) =>
        Buffer.from(tensor.toBytes()),
      );
      expect(found?.equals(wanted ?? Buffer.of()), key).toBe(true);
    }
  });

  it("of before torch 1.6 are refused with the way out", () => {
    expect(() => openWeightsFile(at("old.pth"))).toThrow(
      `${at("old.pth")}: file: expected a zip, as torch.save writes since torch 1.6 but found a bare pickle, torch's older format; write it again in Python: torch.save(torch.load(path, weights_only=True), path)`,
    );
  });

  it("of mmengine load under their prefix, raw and averaged", async () => {
    const facts = { sampleSize: 4, interpolationScale: 1, numAttentionHeads: 1 };
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    const load = (ema: boolean) =>
      PixArtTransformer2DModel.fromSingleFile(golden, { ...facts, ema, onWarning });
    const raw = await load(false);
    expect(raw.config).toMatchObject({ numLayers: 1, inChannels: 1, outChannels: 2 });
    expect(warnings).toEqual([]);
    const averaged = await load(true);
    expect(averaged.projOut.weight.allclose(raw.projOut.weight)).toBe(false);
    expect(warnings).toEqual([`${golden}: left out steps, 2 tensors under module`]);
  });
});

describe("model folders with pickled weights", () => {
  const load = (name: string, variant?: string): void => {
    using expected = readSafetensors(at("expected.safetensors"));
    using model = loadModelFolder(at(name), { baseName: "diffusion_pytorch_model", variant });
    expect(model.tensors.size).toBe(expected.tensors.size);
    for (const key of expected.tensors.keys()) {
      expect(model.tensor(key).equal(expected.tensor(key)), key).toBe(true);
    }
  };

  it("are read: whole, sharded, of a variant, and transformers' own name", () => {
    load("bin");
    load("shards");
    load("bin", "fp16");
    using model = loadModelFolder(at("bin"), { baseName: "model" });
    expect([...model.tensors.keys()]).toEqual(["w"]);
  });

  it("give way to safetensors where both are there", () => load("both"));
});

describe("convertCheckpoint", () => {
  const sha = (tensor: Tensor): string =>
    createHash("sha256").update(tensor.toBytes()).digest("hex");

  it.each(["float16", "bfloat16"] as const)(
    "rounds to %s as libtorch does",
    async (dtype: DType) => {
      const out = at(`rounded-${dtype}.pth`);
      await convertCheckpoint(at("alpha", "original.pth"), out, {
        ...heads,
        to: "original",
        dtype,
      });
      using rounded = openWeightsFile(out);
      using whole = openWeightsFile(at("alpha", "original.pth"));
      for (const key of whole.tensors.keys()) {
        expect(sha(rounded.tensor(key)), key).toBe(sha(whole.tensor(key).to({ dtype })));
      }
      // The size of the picture and the scale are still to be seen in the rounded positions.
      const model = await PixArtTransformer2DModel.fromSingleFile(out, heads);
      expect(model.config).toMatchObject({ sampleSize: 8, interpolationScale: 1 });
    },
  );

  it("takes the averaged weights where they are asked for", async () => {
    await convertCheckpoint(at("alpha", "original.pth"), at("averaged"), {
      ...heads,
      to: "diffusers",
      ema: true,
    });
    const averaged = await PixArtTransformer2DModel.fromPretrained(at("averaged"));
    const raw = await PixArtTransformer2DModel.fromPretrained(at("alpha", "folder"));
    expectClose(averaged.projOut.weight, raw.projOut.weight.mul(0.5));
  });

  it("takes the transformer of a pipeline's folder", async () => {
    mkdirSync(at("pipeline", "transformer"), { recursive: true });
    copyFileSync(at("alpha", "diffusers", "config.json"), at("pipeline", "model_index.json"));
    for (const name of readdirSync(at("alpha", "diffusers"))) {
      copyFileSync(at("alpha", "diffusers", name), at("pipeline", "transformer", name));
    }
    await convertCheckpoint(at("pipeline"), at("pipeline.pth"), { to: "original" });
    expect(readFileSync(at("pipeline.pth")).equals(readFileSync(at("alpha", "ours.pth")))).toBe(
      true,
    );
  });

  it("leaves nothing behind where it fails, and overwrites nothing", async () => {
    const convert = (from: string, out: string) => convertCheckpoint(from, out, { to: "original" });
    await expect(convert(at("alpha", "original.pth"), at("alpha", "ours.pth"))).rejects.toThrow(
      `Expected a new path to write to but received ${at("alpha", "ours.pth")}, which exists`,
    );
    const model = construct(
      { generator: torch.generator(0) },
      () =>
        new PixArtTransformer2DModel({
          sampleSize: 8,
          numLayers: 1,
          attentionHeadDim: 8,
          numAttentionHeads: 3,
          captionChannels: 16,
          crossAttentionDim: 24,
          interpolationScale: 1,
          useAdditionalConditions: false,
          normEps: 1e-5,
        }),
    );
    await model.savePretrained(at("other-eps"));
    await expect(convert(at("other-eps"), at("other.pth"))).rejects.toThrow(
      "Expected a model that the original code can compute but received one with norm_eps 0.00001",
    );
    expect(readdirSync(folder).filter((name) => name.startsWith("other."))).toEqual([]);
  });

  it("says what it found, dropped and added", async () => {
    const lines: string[] = [];
    const hear = (text: string | Uint8Array): boolean => lines.push(String(text)) > 0;
    const spies = [process.stderr, process.stdout].map((stream) =>
      vi.spyOn(stream, "write").mockImplementation(hear as never),
    );
    const from = at("alpha", "original.pth");
    await convertCommand(from, at("cli"), { to: "diffusers", heads: 3 });
    await convertCommand(at("cli"), at("cli.safetensors"), { to: "single-file" });
    for (const spy of spies) spy.mockRestore();
    const model = "PixArt of 2 layers, width 24, for 64 px, positions divided by 1";
    expect(lines.join("")).toBe(
      [
        `Found ${model}, in the original layout in state_dict of ${from}`,
        "Dropped pos_embed, the table of positions, which follows from the configuration",
        'Dropped y_embedder.y_embedding, the null caption of training: diffusers encodes "" instead',
        "Read back: 57 tensors are equal",
        at("cli"),
        `Found ${model}, in diffusers' layout in ${at("cli")}`,
        "Added pos_embed, the table of positions, which follows from the configuration",
        "Read back: 57 tensors are equal",
        at("cli.safetensors"),
        "",
      ].join("\n"),
    );
    await expect(convertCommand(from, at("x"), { to: "onnx" })).rejects.toThrow(
      "Expected diffusers, original, single-file for --to but received onnx",
    );
    await expect(convertCommand(from, at("x"), { to: "original", dtype: "int8" })).rejects.toThrow(
      "Expected float16, float32, bfloat16 for --dtype but received int8",
    );
  });
});

describe("what a file does not tell", () => {
  const load = (path: string, options = {}) =>
    PixArtTransformer2DModel.fromSingleFile(path, options);
  const write = async (name: string, keys: Record<string, readonly number[]>): Promise<string> => {
    const path = at(`${name}.safetensors`);
    const tensors = Object.entries(keys).map(([key, shape]) => [key, torch.zeros(shape)] as const);
    await writeSafetensors(path, new Map(tensors));
    return path;
  };

  it("is asked for by name", async () => {
    const sigma = at("sigma of 256 px, with null caption", "original.pth");
    await expect(load(sigma)).rejects.toThrow(
      `Expected numAttentionHeads that divide the width 24 of ${sigma} but received undefined. Weights do not show them, and 24 is not the width of a published model.`,
    );
    await expect(load(sigma, heads)).rejects.toThrow(
      `Expected sampleSize for ${sigma}, which has no pos_embed to read it from, but received nothing. Pass 32, 64, 128 or 256 for a model of 256, 512, 1024 or 2048 px.`,
    );
    await expect(load(golden, { numAttentionHeads: 1, sampleSize: 32 })).rejects.toThrow(
      `Expected interpolationScale for ${golden} but received nothing. At sampleSize 32 it is 1 for PixArt-α and 0.5 for PixArt-Σ, and without y_embedder.y_embedding the file does not show which of them it holds.`,
    );
    await expect(load(at("dit", "original.pt"))).rejects.toThrow(
      `${at("dit", "original.pt")}: tensors: expected a PixArt transformer but found a DiT; use DiTTransformer2DModel`,
    );
    await expect(DiTTransformer2DModel.fromSingleFile(at("alpha", "original.pth"))).rejects.toThrow(
      `${at("alpha", "original.pth")}: tensors: expected a DiT but found a PixArt transformer; use PixArtTransformer2DModel`,
    );
    await expect(load(at("dit", "original.pt"), { ema: true })).rejects.toThrow(
      "content: expected averaged weights under state_dict_ema, ema, ema_state_dict but found only",
    );
    await expect(load(at("expected.safetensors"), { ema: true })).rejects.toThrow(
      "file: expected averaged weights but found a safetensors file, which has one set",
    );
    await expect(
      convertCheckpoint(at("alpha", "diffusers"), at("y"), { to: "original", ema: true }),
    ).rejects.toThrow(
      "folder: expected averaged weights but found a model folder, which has one set",
    );
  });

  it("is warned of where it is taken for granted, and so is what is left out", async () => {
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    using file = openWeightsFile(at("alpha", "original.pth"));
    const tensors = new Map([...file.tensors.keys()].map((key) => [key, file.tensor(key)]));
    const strange = at("strange.safetensors");
    await writeSafetensors(strange, tensors.set("pos_embed", torch.zeros([1, 16, 24])));
    await load(strange, { ...heads, onWarning });
    await load(at("control.pth"), { ...heads, onWarning });
    expect(warnings).toEqual([
      `${strange}: the positions of pos_embed follow no known scale; took 1`,
      `${at("control.pth")}: left out 36 tensors under controlnet`,
    ]);
  });

  it("makes other files than transformers refused", async () => {
    const first = { "x_embedder.proj.weight": [24, 4, 2, 2] } as const;
    await expect(load(await write("lora", { "a.to_q.lora_A.weight": [1] }))).rejects.toThrow(
      "tensors: expected a PixArt or DiT transformer but found an adapter (LoRA) for one; load the base model, then the adapter",
    );
    await expect(load(await write("other", { "encoder.weight": [1] }))).rejects.toThrow(
      "tensors: expected a PixArt or DiT transformer but found 1 tensors of something else: encoder.weight",
    );
    await expect(
      load(await write("two", { ...first, "b.x_embedder.proj.weight": [1] })),
    ).rejects.toThrow("but found several: b.x_embedder.proj.weight, x_embedder.proj.weight");
    const cut = { ...first, "t_block.1.weight": [144, 24] };
    await expect(load(await write("cut", cut), heads)).rejects.toThrow(
      'cut.safetensors: tensor "transformer_blocks.0.ff.net.2.weight": expected a layer of the transformer but found none',
    );
    const gated = {
      ...cut,
      "blocks.0.mlp.fc1.weight": [192, 24],
      "blocks.0.mlp.fc2.weight": [24, 96],
    };
    await expect(load(await write("gated", gated), heads)).rejects.toThrow(
      "Expected an MLP without gate for the weights of",
    );
    using file = openWeightsFile(at("alpha", "original.pth"));
    const tensors = new Map([...file.tensors.keys()].map((key) => [key, file.tensor(key)]));
    await writeSafetensors(
      at("oblong.safetensors"),
      tensors.set("pos_embed", torch.zeros([1, 15, 24])),
    );
    await expect(load(at("oblong.safetensors"), heads)).rejects.toThrow(
      "oblong.safetensors: pos_embed: expected the positions of a square, (1, N, D) but found [1, 15, 24]",
    );
    tensors.delete("pos_embed");
    await writeSafetensors(at("more.safetensors"), tensors.set("blocks.0.extra", torch.zeros([1])));
    await expect(load(at("more.safetensors"), { ...heads, sampleSize: 64 })).rejects.toThrow(
      "unexpected (1):\n    blocks.0.extra",
    );
  });
});
