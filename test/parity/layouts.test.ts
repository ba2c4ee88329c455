import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { convertCommand } from "../../src/cli/drawing/convert.ts";
import { DiTTransformer2DModel } from "../../src/models/dit/transformer.ts";
import { convertCheckpoint, type SingleFileFacts } from "../../src/models/index.ts";
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
import { expectEqualTensors } from "../fixtures/equal-tensors.ts";
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
const quiet = { ...heads, onWarning: () => {} };

const kvUnseen =
  "keys and values are not compressed: of PixArt-Σ's ways to do it only the learned one (conv) shows in a file";

interface Case {
  name: string;
  tokens: number;
  positions: boolean;
  training: boolean;
  config: typeof tiny & { interpolation_scale?: number };
  facts: SingleFileFacts;
  /** What is warned of besides what follows from the configuration. */
  assumed?: readonly string[];
}

const allCases: readonly Case[] = [
  { name: "alpha", tokens: 5, positions: true, training: true, config: tiny, facts: heads },
  {
    name: "scale of PixArt-α's lewei_scale",
    tokens: 5,
    positions: true,
    training: false,
    config: { ...tiny, interpolation_scale: 1.7 },
    facts: heads,
  },
  {
    name: "scale of PixArt-Σ's pe_interpolation",
    tokens: 5,
    positions: true,
    training: false,
    config: { ...tiny, sample_size: 32, interpolation_scale: 0.25 },
    facts: heads,
  },
  {
    name: "alpha told the size",
    tokens: 120,
    positions: false,
    training: false,
    config: { ...tiny, sample_size: 128, use_additional_conditions: true },
    facts: heads,
    assumed: [
      "1024 px, as in the published model that is conditioned on the picture's size: without pos_embed the file does not show it",
      "positions divided by 2, as PixArt has them at 1024 px",
    ],
  },
  {
    name: "sigma of 256 px, with positions",
    tokens: 0,
    positions: true,
    training: false,
    config: { ...tiny, sample_size: 32, interpolation_scale: 0.5 },
    facts: heads,
    assumed: [kvUnseen],
  },
  {
    name: "sigma of 256 px, with null caption",
    tokens: 300,
    positions: false,
    training: false,
    config: { ...tiny, sample_size: 32, interpolation_scale: 0.5 },
    facts: { ...heads, sampleSize: 32 },
    assumed: [kvUnseen, "positions divided by 0.5, as PixArt-Σ has them at 256 px"],
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
];
const cases = allCases.map((one, seed) => ({ ...one, seed }));
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
/** What neither of diffusers' classes has a field for. */
const unusual = [
  { ...cases[0], name: "narrow", seed: 20, tokens: 5, positions: true, mlpRatio: 2.5 },
  { ...dit, name: "dit without no class", seed: 21, mlpRatio: 2, noNullClass: true },
];

let folder = "";
const at = (...names: string[]): string => join(folder, ...names);
let releasedOriginal: Record<string, number[]> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-layouts-"));
  releasedOriginal = (await runPython(script, {
    action: "make",
    folder,
    cases: [...cases, dit, ...unusual],
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

describe.each(cases)("$name", ({ name, facts, config, tokens, assumed = [] }) => {
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
      const warnings: string[] = [];
      const onWarning = (text: string): number => warnings.push(text);
      const options = { ...facts, onWarning };
      const model = await PixArtTransformer2DModel.fromSingleFile(at(name, file), options);
      expect(warnings).toEqual(assumed.map((text) => `${at(name, file)}: ${text}`));
      expect(model.config.sampleSize).toBe(config.sample_size);
      const usual = Math.max(Math.floor(config.sample_size / 64), 1);
      expect(model.config.interpolationScale).toBe(config.interpolation_scale ?? usual);
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

  it("diffusers to .pth and back gives the same weights", () => {
    const [first, last] = ["diffusers", "back"].map((one) => {
      using file = readSafetensors(at(name, one, "diffusion_pytorch_model.safetensors"));
      return new Map([...file.tensors.keys()].map((key) => [key, file.tensor(key)]));
    });
    expectEqualTensors(first ?? new Map(), last ?? new Map());
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

describe("models of other proportions", () => {
  const ratio = { name: "narrow", mlpRatio: 2.5 };
  const load = async (path: string): Promise<PixArtTransformer2DModel> =>
    PixArtTransformer2DModel.fromSingleFile(path, quiet);

  it("have the width inside their MLPs from the weights", async () => {
    const io = (key: string): Tensor => readSafetensors(at("narrow", "io.safetensors")).tensor(key);
    const call = (model: PixArtTransformer2DModel): Tensor =>
      torch.noGrad(() =>
        model.call(io("hidden_states"), {
          encoderHiddenStates: io("caption"),
          timestep: io("timestep"),
          encoderAttentionMask: io("mask"),
        }),
      );
    const model = await load(at("narrow", "original.pth"));
    expect(model.config.mlpRatio).toBe(ratio.mlpRatio);
    expectClose(call(model), io("output"));
    await model.savePretrained(at("narrow", "saved"));
    const saved = JSON.parse(readFileSync(at("narrow", "saved", "config.json"), "utf8"));
    expect(saved).toMatchObject({ mlp_ratio: 2.5 });
    const again = await PixArtTransformer2DModel.fromPretrained(at("narrow", "saved"));
    expectClose(call(again), io("output"));
    // Layouts of PixArt's own code have room for it, diffusers' class has none.
    await convertCheckpoint(at("narrow", "saved"), at("narrow.safetensors"), { to: "single-file" });
    expectClose(call(await load(at("narrow.safetensors"))), io("output"));
    await expect(
      convertCheckpoint(at("narrow", "original.pth"), at("narrow-folder"), {
        ...heads,
        to: "diffusers",
      }),
    ).rejects.toThrow(
      "Expected a model that diffusers can compute but received one with an MLP 2.5 times as wide as the model; load the file itself, or convert it to original or single-file",
    );
    const usual = await load(at("alpha", "original.pth"));
    await usual.savePretrained(at("usual"));
    expect(readFileSync(at("usual", "config.json"), "utf8")).not.toContain("mlp_ratio");
  });

  it("that are DiTs may know no class for nothing", async () => {
    const path = at("dit without no class", "original.pt");
    const io = (key: string): Tensor =>
      readSafetensors(at("dit without no class", "io.safetensors")).tensor(key);
    const call = (model: DiTTransformer2DModel): Tensor =>
      torch.noGrad(() =>
        model.call(io("hidden_states"), {
          timestep: io("timestep"),
          classLabels: io("class_labels"),
        }),
      );
    const told = { ...quiet, numClasses: 10 };
    const model = await DiTTransformer2DModel.fromSingleFile(path, told);
    expect(model.config).toMatchObject({ numEmbedsAdaNorm: 10, hasNoClass: false, mlpRatio: 2 });
    expectClose(call(model), io("output"));
    expect(() => model.noClass).toThrow(
      'Expected a DiT that was trained to know "no class" but received one with class_dropout_prob 0: it draws by class alone, without guidance',
    );
    await model.savePretrained(at("dit-saved"));
    const again = await DiTTransformer2DModel.fromPretrained(at("dit-saved"));
    expect(again.config).toEqual(model.config);
    expectClose(call(again), io("output"));
    const options = { ...heads, numClasses: 10 };
    await convertCheckpoint(path, at("dit-single.safetensors"), { ...options, to: "single-file" });
    await expect(
      convertCheckpoint(path, at("dit-folder"), { ...options, to: "diffusers" }),
    ).rejects.toThrow("but received one with an MLP 2 times as wide as the model; load");
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    const untold = await DiTTransformer2DModel.fromSingleFile(path, { ...heads, onWarning });
    expect(untold.noClass).toBe(9);
    expect(warnings).toEqual([
      `${path}: 9 classes, and a row for "no class" behind them in the class table`,
    ]);
    await expect(
      DiTTransformer2DModel.fromSingleFile(path, { ...heads, numClasses: 1000 }),
    ).rejects.toThrow(
      `Expected 9 or 10 for numClasses, to match the class table of ${path}, but received 1000`,
    );
  });

  it("that compress keys and values without weights have to be told", async () => {
    const kvCompressConfig = {
      sampling: "uniform",
      scaleFactor: 2,
      kvCompressLayer: [1],
    } as const;
    const model = await load(at("sigma of 256 px, with positions", "original.pth"));
    const compressed = construct(
      { generator: torch.generator(0) },
      () => new PixArtTransformer2DModel({ ...model.config, kvCompressConfig }),
    );
    compressed.loadStateDict(model.stateDict());
    await compressed.savePretrained(at("uniform"));
    const { dropped, added } = await convertCheckpoint(at("uniform"), at("uniform.pth"), {
      to: "original",
    });
    expect(dropped).toEqual(["kvCompressConfig (uniform, scale 2, 1 layers)"]);
    expect(added).toEqual(["pos_embed"]);
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    const options = { ...heads, onWarning };
    const untold = await PixArtTransformer2DModel.fromSingleFile(at("uniform.pth"), options);
    expect(untold.config.kvCompressConfig).toBeNull();
    expect(warnings.splice(0)).toEqual([`${at("uniform.pth")}: ${kvUnseen}`]);
    const told = await PixArtTransformer2DModel.fromSingleFile(at("uniform.pth"), {
      ...options,
      kvCompressConfig,
    });
    expect(told.config).toEqual(compressed.config);
    expect(warnings).toEqual([]);
    const inputs = torch.randn([1, 4, 32, 32], { generator: torch.generator(1) });
    const call = (one: PixArtTransformer2DModel): Tensor =>
      torch.noGrad(() =>
        one.call(inputs, {
          encoderHiddenStates: torch.ones([1, 5, 16]),
          timestep: torch.tensor([500]),
        }),
      );
    expectClose(call(told), call(compressed));
    expect(() => expectClose(call(untold), call(compressed))).toThrow();
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
    const kvCompressConfig = { sampling: "uniform", scaleFactor: 2, kvCompressLayer: [1] } as const;
    await expect(
      PixArtTransformer2DModel.fromSingleFile(at("compressed.pth"), { ...heads, kvCompressConfig }),
    ).rejects.toThrow(
      `Expected no kvCompressConfig for ${at("compressed.pth")}, whose weights show a learned compression (conv), but received {"sampling":"uniform"`,
    );
  });
});

describe("torch checkpoints", () => {
  it.each(["odd.pth", "odd4.pth", "old.pth"])(
    "%s: views of every kind and element type are read",
    (name) => {
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
    },
  );

  it("with averaged weights alone say so", () => {
    const path = at("only_ema.pth");
    expect(() => openWeightsFile(path)).toThrow(
      `${path}: content: expected weights under state_dict, model but found only averaged ones, under state_dict_ema; take them with ema: true, or --ema`,
    );
    using file = openWeightsFile(path, { ema: true });
    expect(file.state).toBe("state_dict_ema");
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

describe("element types that the engine lacks", () => {
  it("are read as wider ones, as PyTorch converts them", () => {
    using packed = readSafetensors(at("packed.safetensors"));
    using wide = readSafetensors(at("wide.safetensors"));
    expect([...packed.tensors.keys()].sort()).toEqual([...wide.tensors.keys()].sort());
    for (const [key, { dtype, shape }] of wide.tensors) {
      expect(packed.entry(key), key).toMatchObject({ dtype, shape });
      const [found, expected] = [packed, wide].map((file) => file.tensor(key));
      if (dtype === "float32") {
        expect(found?.toFloat32Array(), key).toEqual(expected?.toFloat32Array());
      } else {
        expect(found?.equal(expected as Tensor), key).toBe(true);
      }
    }
    using file = readSafetensors(at("too-large.safetensors"));
    expect(() => file.tensor("large")).toThrow(
      'too-large.safetensors: tensor "large": expected numbers below 2^63 but found larger ones',
    );
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
    const told = lines.splice(0).join("");
    const uniform = {
      to: "diffusers",
      heads: 3,
      kvCompressionSampling: "uniform",
      kvCompressionLayers: "0-1",
    };
    await convertCommand(from, at("cli-uniform"), uniform);
    for (const spy of spies) spy.mockRestore();
    expect(lines[0]).toContain("divided by 1, 2 layers compressed (uniform), in the original");
    const model = "PixArt of 2 layers, width 24, for 64 px, positions divided by 1";
    expect(told).toBe(
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
    const folderConfig = JSON.parse(readFileSync(at("cli-uniform", "config.json"), "utf8"));
    expect(folderConfig.kv_compress_config).toEqual({
      sampling: "uniform",
      scale_factor: 2,
      kv_compress_layer: [0, 1],
    });
    const sigma = at("sigma of 256 px, with null caption", "original.pth");
    await expect(convertCommand(sigma, at("x"), { to: "original" })).rejects.toThrow(
      `Expected --heads that divide the width 24 of ${sigma}`,
    );
    await expect(convertCommand(sigma, at("x"), { to: "original", heads: 3 })).rejects.toThrow(
      `Expected --sample-size for ${sigma}, which has no pos_embed`,
    );
    for (const [flag, value] of [
      ["kvCompressionSampling", "mean"],
      ["kvCompressionLayers", "27-14"],
    ] as const) {
      await expect(convertCommand(from, at("x"), { ...uniform, [flag]: value })).rejects.toThrow(
        value,
      );
    }
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
      `Expected interpolationScale for ${golden} but received nothing. At sampleSize 32 it is 1 for PixArt-α and 0.5 for PixArt-Σ, and without y_embedder.y_embedding the file does not show which of them it contains.`,
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
    await expect(load(strange, heads)).rejects.toThrow(
      `Expected interpolationScale for ${strange} but received nothing: its pos_embed is not a table of sines and cosines, which would show it`,
    );
    await load(strange, { ...heads, interpolationScale: 1, onWarning });
    const alpha = at("alpha", "original.pth");
    await load(alpha, { ...heads, interpolationScale: 2, sampleSize: 64, onWarning });
    await load(at("control.pth"), { ...heads, onWarning });
    const micro = at("alpha told the size", "original.pth");
    const { config } = await load(micro, { ...heads, sampleSize: 32, onWarning });
    expect(config).toMatchObject({ sampleSize: 32, interpolationScale: 1 });
    expect(warnings).toEqual([
      `${strange}: positions divided by 1, though pos_embed shows no scale`,
      `${alpha}: 64 px, as pos_embed shows, and not 512`,
      `${alpha}: positions divided by 2, though pos_embed has them divided by 1`,
      `${at("control.pth")}: left out 36 tensors under controlnet`,
      `${micro}: positions divided by 1, as PixArt-α has them at 256 px`,
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
    ).rejects.toThrow("but found several: x_embedder.proj.weight, b.x_embedder.proj.weight");
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
      "Expected an MLP without a gate for the weights of",
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
