import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../../src/errors/index.ts";
import {
  type Adapter,
  type AdapterOptions,
  addAdapter,
  loadAdapter,
  loadLoraFile,
  mergeAdapters,
  unmergeAdapters,
} from "../../src/models/adapters/index.ts";
import { PixArtTransformer2DModel } from "../../src/models/pixart/index.ts";
import { T5EncoderModel } from "../../src/models/t5/index.ts";
import { construct, type Module } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.ts";
import { expectEqualTensors } from "../fixtures/equal-tensors.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { runPython } from "./python.ts";

const attention = ["to_q", "to_k", "to_v", "to_out.0"];

/** What PixArt-alpha's `train_scripts/train_pixart_lora_hf.py` trains. */
const paper = [
  ...["to_k", "to_q", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"],
  ...["proj", "linear", "linear_1", "linear_2"],
];

const t5 = ["q", "v", "wo"];

type BaseName = "pixart" | "t5";

const cases = (
  [
    ["pixart", "LoRA", { peftType: "LORA", targetModules: attention, r: 4, loraAlpha: 8 }],
    [
      "pixart",
      "LoRA, rank-stabilized, the paper's targets with a convolution",
      { peftType: "LORA", targetModules: paper, r: 4, loraAlpha: 3, useRslora: true },
    ],
    [
      "pixart",
      "DoRA, the paper's targets with a convolution",
      { peftType: "LORA", targetModules: paper, r: 3, useDora: true, initLoraWeights: "gaussian" },
    ],
    [
      "pixart",
      "LoRA with ranks and alphas by layer",
      {
        peftType: "LORA",
        targetModules: attention,
        rankPattern: { to_q: 2, "^transformer_blocks\\.0\\.attn1\\.to_[kv]": 5 },
        alphaPattern: { "attn2.to_q": 3, to_v: 1.5 },
      },
    ],
    [
      "pixart",
      "LoRA on one block, by a regular expression",
      { peftType: "LORA", targetModules: ".*\\.1\\.attn\\d\\.(?P<projection>to_[qk])" },
    ],
    [
      "pixart",
      "LoRA on numbered blocks, one layer left out",
      {
        peftType: "LORA",
        targetModules: attention,
        excludeModules: ["attn1.to_q"],
        layersToTransform: [1],
        layersPattern: "transformer_blocks",
      },
    ],
    [
      "pixart",
      "LoRA on a numbered block, and on layers by their whole names",
      {
        peftType: "LORA",
        targetModules: [...attention, "proj_out", "transformer_blocks.0.ff.net.2"],
        layersToTransform: 1,
        layersPattern: "transformer_blocks",
      },
    ],
    [
      "pixart",
      "LoRA on every linear layer",
      { peftType: "LORA", targetModules: "all-linear", r: 2 },
    ],
    [
      "pixart",
      "LoHa, with a convolution",
      {
        peftType: "LOHA",
        targetModules: [...attention, "pos_embed.proj"],
        r: 3,
        alpha: 5,
        rankPattern: { to_q: 2 },
        alphaPattern: { "attn1.to_v": 2 },
      },
    ],
    [
      "pixart",
      "LoKr, the second matrix in factors",
      { peftType: "LOKR", targetModules: [...attention, "ff.net.2"], r: 2, alpha: 3 },
    ],
    [
      "pixart",
      "LoKr, both matrices in factors",
      {
        peftType: "LOKR",
        targetModules: [...attention, "ff.net.0.proj"],
        r: 1,
        decomposeBoth: true,
        decomposeFactor: 5,
      },
    ],
    [
      "pixart",
      "LoKr, both matrices whole",
      {
        peftType: "LOKR",
        targetModules: attention,
        r: 8,
        decomposeFactor: 8,
        initWeights: "lycoris",
      },
    ],
    ["pixart", "OFT", { peftType: "OFT", targetModules: attention, oftBlockSize: 4 }],
    [
      "pixart",
      "OFT, exact, a block size that does not divide",
      { peftType: "OFT", targetModules: attention, oftBlockSize: 5, useCayleyNeumann: false },
    ],
    [
      "pixart",
      "OFT, one block for all places, three terms, by the number of blocks",
      {
        peftType: "OFT",
        targetModules: attention,
        r: 4,
        oftBlockSize: 0,
        blockShare: true,
        numCayleyNeumannTerms: 3,
      },
    ],
    [
      "pixart",
      "OFT, two terms",
      { peftType: "OFT", targetModules: attention, oftBlockSize: 8, numCayleyNeumannTerms: 2 },
    ],
    [
      "pixart",
      "OFT, seven terms",
      { peftType: "OFT", targetModules: attention, oftBlockSize: 8, numCayleyNeumannTerms: 7 },
    ],
    [
      "pixart",
      "LoRA with biases of its own and all of the model's",
      { peftType: "LORA", targetModules: paper, r: 2, loraBias: true, bias: "all" },
    ],
    [
      "pixart",
      "DoRA with the biases of its layers",
      { peftType: "LORA", targetModules: attention, r: 2, useDora: true, bias: "lora_only" },
    ],
    [
      "pixart",
      "LoRA beside whole modules",
      {
        peftType: "LORA",
        targetModules: "(?i).*ATTN\\d\\.TO\\_[qk]\\Z",
        modulesToSave: ["proj_out", "pos_embed.proj", "1.ff"],
      },
    ],
    [
      "pixart",
      "LoHa with cores on a convolution",
      {
        peftType: "LOHA",
        targetModules: ["to_q", "pos_embed.proj"],
        r: 3,
        useEffectiveConv2d: true,
        modulesToSave: ["proj_out"],
      },
    ],
    [
      "pixart",
      "LoKr on a convolution",
      { peftType: "LOKR", targetModules: ["to_q", "pos_embed.proj"], r: 1, decomposeFactor: 4 },
    ],
    [
      "pixart",
      "LoKr with a core on a convolution",
      {
        peftType: "LOKR",
        targetModules: ["to_q", "pos_embed.proj"],
        r: 2,
        decomposeFactor: 4,
        useEffectiveConv2d: true,
      },
    ],
    [
      "pixart",
      "OFT, constrained",
      { peftType: "OFT", targetModules: attention, oftBlockSize: 4, coft: true, eps: 0.5 },
    ],
    ["t5", "LoRA on T5", { peftType: "LORA", targetModules: t5, r: 4 }],
    ["t5", "DoRA on T5", { peftType: "LORA", targetModules: t5, r: 4, useDora: true }],
    ["t5", "LoHa on T5", { peftType: "LOHA", targetModules: t5, r: 4 }],
    ["t5", "LoKr on T5", { peftType: "LOKR", targetModules: t5, r: 4 }],
    ["t5", "OFT on T5", { peftType: "OFT", targetModules: t5, oftBlockSize: 8 }],
  ] as const satisfies readonly (readonly [BaseName, string, AdapterOptions])[]
).map(([base, name, options], seed) => ({ base, name, options: options as AdapterOptions, seed }));

let root = "";
const baseOf = (base: BaseName): string => join(root, base);
const oursOf = (name: string): string => join(root, name, "ours");
const theirsOf = (name: string): string => join(root, name, "theirs");

const fresh = (base: BaseName): Promise<Module> =>
  base === "pixart"
    ? PixArtTransformer2DModel.fromPretrained(baseOf(base))
    : T5EncoderModel.fromPretrained(baseOf(base));

const tensorsOf = (path: string): Map<string, torch.Tensor> => {
  const file = readSafetensors(path);
  return new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
};

const tensorOf = (path: string, key: string): torch.Tensor => readSafetensors(path).tensor(key);

function call(model: Module, base: BaseName): torch.Tensor {
  const io = readSafetensors(join(baseOf(base), "io.safetensors"));
  if (model instanceof T5EncoderModel) return model.call(io.tensor("ids"));
  return (model as PixArtTransformer2DModel).call(io.tensor("hidden_states"), {
    encoderHiddenStates: io.tensor("encoder_hidden_states"),
    timestep: io.tensor("timestep"),
    addedCondKwargs: {
      resolution: io.tensor("resolution"),
      aspectRatio: io.tensor("aspect_ratio"),
    },
  });
}

/** Adds noise, so that no tensor is zero and none is what it was at the start. */
function spread(tensors: Iterable<torch.Tensor>, generator: torch.Generator): void {
  torch.noGrad(() =>
    torch.tidy(() => {
      for (const tensor of tensors) {
        tensor.add_(torch.empty(tensor.shape).normal_(0, 0.1, { generator }));
      }
    }),
  );
}

async function makeBases(): Promise<void> {
  const generator = torch.generator(0);
  const pixart = construct(
    { generator },
    () =>
      new PixArtTransformer2DModel({
        sampleSize: 8,
        numLayers: 2,
        attentionHeadDim: 8,
        numAttentionHeads: 3,
        captionChannels: 32,
        crossAttentionDim: 24,
        useAdditionalConditions: true,
      }),
  );
  spread(pixart.parameters(), generator);
  await pixart.savePretrained(baseOf("pixart"));
  const random = (...shape: number[]): torch.Tensor => torch.randn(shape, { generator });
  await writeSafetensors(
    join(baseOf("pixart"), "io.safetensors"),
    new Map([
      ["hidden_states", random(2, 4, 8, 12)],
      ["encoder_hidden_states", random(2, 5, 32)],
      ["timestep", torch.tensor([7, 912], { dtype: "int64" })],
      ["resolution", random(2, 2).abs().mul(512)],
      ["aspect_ratio", random(2, 1).abs()],
      ["weight", random(2, 8, 8, 12)],
    ]),
  );
  const encoder = construct(
    { generator },
    () =>
      new T5EncoderModel({ vocabSize: 60, dModel: 32, dKv: 8, dFf: 48, numLayers: 2, numHeads: 3 }),
  );
  await encoder.savePretrained(baseOf("t5"));
  await writeSafetensors(
    join(baseOf("t5"), "io.safetensors"),
    new Map([
      ["ids", torch.randint(2, 60, [2, 7], { generator, dtype: "int64" })],
      ["weight", random(2, 7, 32)],
    ]),
  );
}

const fileKey = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

interface Loaded {
  readonly warnings: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
}

let loaded: readonly Loaded[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixart-adapters-"));
  await makeBases();
  for (const { base, name, options, seed } of cases) {
    const model = await fresh(base);
    const adapter = addAdapter(model, options, { generator: torch.generator(seed) });
    spread(adapter.parameters().values(), torch.generator(seed));
    await adapter.save(oursOf(name));
    model.dispose();
  }
  loaded = (await runPython(fileURLToPath(new URL("adapters.py", import.meta.url)), {
    cases: cases.map(({ base, name, options: { peftType, ...config }, seed }) => ({
      base: baseOf(base),
      ours: oursOf(name),
      theirs: theirsOf(name),
      type: peftType,
      files: singleFiles.some(([single]) => single === name),
      config: Object.fromEntries(Object.entries(config).map(([key, v]) => [fileKey(key), v])),
      seed,
    })),
    loaded: onlyLoaded.map(([name, { peftType, ...config }]) => ({
      base: baseOf("pixart"),
      folder: join(root, kebab(name)),
      type: peftType,
      config: Object.fromEntries(Object.entries(config).map(([key, v]) => [fileKey(key), v])),
    })),
    together: pairs.map(({ base, adapters, output }) => ({
      base: baseOf(base),
      adapters: adapters.map(oursOf),
      output: join(root, output),
    })),
  })) as readonly Loaded[];
});
afterAll(() => rm(root, { recursive: true }));

/** LoRAs that Python also writes as one file: what it is called, what we are told, and the scale that it then has. */
const singleFiles = [
  [cases[0]?.name ?? "", "script/pytorch_lora_weights.safetensors", { alpha: 8 }, 1],
  [cases[0]?.name ?? "", "script/pytorch_lora_weights.safetensors", {}, 0.5],
  [cases[0]?.name ?? "", "older.safetensors", { alpha: 8 }, 1],
  // diffusers writes the rank for every alpha.
  [cases[0]?.name ?? "", "kohya.safetensors", {}, 0.5],
  [cases[0]?.name ?? "", "metadata/pytorch_lora_weights.safetensors", {}, 1],
  [cases[2]?.name ?? "", "metadata/pytorch_lora_weights.safetensors", {}, 1],
  [cases[3]?.name ?? "", "metadata/pytorch_lora_weights.safetensors", {}, 1],
] as const;

/** Adapters of PEFT that cannot be started here, or not be merged, or whose files have more in them than is needed. */
const onlyLoaded = [
  ["PiSSA", { peftType: "LORA", targetModules: attention, initLoraWeights: "pissa", r: 3 }],
  [
    "PiSSA, rank-stabilized DoRA",
    {
      ...{ peftType: "LORA", targetModules: attention, initLoraWeights: "pissa", r: 3 },
      ...{ useRslora: true, loraAlpha: 5, useDora: true },
    },
  ],
  [
    "OLoRA",
    { peftType: "LORA", targetModules: attention, initLoraWeights: "olora", r: 3, loraAlpha: 5 },
  ],
  [
    "LoRA with all biases beside a whole module",
    { peftType: "LORA", targetModules: attention, bias: "all", modulesToSave: ["proj_out"] },
  ],
  ["MiCA", { peftType: "LORA", targetModules: attention, initLoraWeights: "mica", r: 3 }],
  [
    "OFT on a convolution",
    { peftType: "OFT", targetModules: ["to_q", "pos_embed.proj"], oftBlockSize: 4 },
  ],
] as const satisfies readonly (readonly [string, AdapterOptions])[];

const kebab = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]+/g, "-");

const pairs = [
  { base: "pixart", adapters: [cases[0]?.name, cases[3]?.name], output: "lora.safetensors" },
  { base: "t5", adapters: ["LoRA on T5", "DoRA on T5"], output: "dora.safetensors" },
  { base: "t5", adapters: ["DoRA on T5", "DoRA on T5"], output: "twice.safetensors" },
].map(({ base, adapters, output }) => ({
  base: base as BaseName,
  adapters: adapters.map((name) => name ?? ""),
  output,
}));

describe.each(cases)("$name against PEFT", ({ base, name, options, seed }) => {
  const open = async (): Promise<[Module, Adapter]> => {
    const model = await fresh(base);
    return [model, await loadAdapter(model, theirsOf(name), { trainable: true })];
  };
  const outputs = (key: "merged" | "unmerged"): torch.Tensor =>
    tensorOf(join(theirsOf(name), "outputs.safetensors"), key);

  it("computes the same, beside the weights and merged into them, and leaves no trace", async () => {
    const [model] = await open();
    const weights = new Map([...model.stateDict()].map(([key, w]) => [key, w.toBytes()]));
    const untouched = call(await fresh(base), base);
    const unmerged = call(model, base);
    expectClose(unmerged, outputs("unmerged"));
    expect(torch.tidy(() => unmerged.sub(untouched).norm()).item()).toBeGreaterThan(1e-2);
    expect([...model.stateDict().keys()]).toEqual([...weights.keys()]);

    mergeAdapters(model);
    expectClose(call(model, base), outputs("merged"), "merged");
    expectClose(call(model, base), unmerged, "merged and unmerged");

    unmergeAdapters(model);
    for (const [key, weight] of model.stateDict()) {
      expect(Buffer.compare(weight.toBytes(), weights.get(key) ?? new Uint8Array()), key).toBe(0);
    }
    expect(torch.tidy(() => call(model, base).equal(unmerged))).toBe(true);
  });

  const hasCores = options.peftType === "LOHA" && options.useEffectiveConv2d === true;

  it("has the same gradients, and none on the model's weights", async () => {
    const [model, adapter] = await open();
    if (model instanceof PixArtTransformer2DModel) model.gradientCheckpointing = seed % 2 === 0;
    const weight = tensorOf(join(baseOf(base), "io.safetensors"), "weight");
    torch.backward(torch.tidy(() => call(model, base).mul(weight).sum()));
    const expected = tensorsOf(join(theirsOf(name), "gradients.safetensors"));
    // The softmax cancels what is added to all keys: rounding alone.
    const isNothing = (key: string): boolean =>
      /attn\d\.to_k\.(base_layer|lora_B)\.bias$/.test(key);
    // PEFT's own backward of LoHa's cores takes the wrong factor (`tuners/loha/layer.py` HadaWeightCP): see README.md there.
    const isTheirMistake = (key: string): boolean =>
      /pos_embed.*\.hada_w\d_a/.test(key) && hasCores;
    const isCompared = ([key]: readonly [string, unknown]): boolean =>
      !isNothing(key) && !isTheirMistake(key);
    expectSameGradients(
      new Map([...adapter.parameters()].filter(isCompared)),
      new Map([...expected].filter(isCompared)),
    );
    expect(model.parameters().filter((p) => p.requiresGrad || p.grad !== undefined)).toEqual([]);
  });

  it("is written so that PEFT computes the same from it", async () => {
    const model = await fresh(base);
    await loadAdapter(model, oursOf(name));
    expectClose(call(model, base), tensorOf(join(oursOf(name), "output.safetensors"), "output"));
    const { warnings, config, expected } = loaded[seed] as Loaded;
    expect(warnings).toEqual([]);
    // PEFT writes out what "all-linear" names, when it makes an adapter.
    const names = config.target_modules === "all-linear" ? { target_modules: "all-linear" } : {};
    expect(config).toEqual({ ...expected, ...names });
  });

  it("has PEFT's files to the letter", async () => {
    const json = (folder: string): Record<string, unknown> => {
      const read = JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"));
      // PEFT keeps lists of names as sets: their order changes from run to run.
      for (const key of ["target_modules", "exclude_modules"]) {
        if (Array.isArray(read[key])) read[key].sort();
      }
      return read;
    };
    const { base_model_name_or_path: _, target_modules: ours, ...own } = json(oursOf(name));
    const { base_model_name_or_path: __, target_modules: theirs, ...other } = json(theirsOf(name));
    expect(own).toEqual(other);
    if (ours !== "all-linear") expect(ours).toEqual(theirs);

    const [model, adapter] = await open();
    adapter.remove();
    const start = addAdapter(model, options, { generator: torch.generator(1) });
    const shapes = (tensors: ReadonlyMap<string, torch.Tensor>): [string, number[]][] =>
      [...tensors].map(([key, { shape }]): [string, number[]] => [key, shape]).toSorted();
    expect(shapes(start.parameters())).toEqual(
      shapes(tensorsOf(join(theirsOf(name), "adapter_model.safetensors"))),
    );
  });

  it("starts as PEFT's does", async () => {
    const model = await fresh(base);
    const start = addAdapter(model, options, { generator: torch.generator(1) }).parameters();
    const squares = new Map<string, { ours: number; theirs: number }>();
    for (const [key, theirs] of tensorsOf(join(theirsOf(name), "initial.safetensors"))) {
      const ours = start.get(key) ?? torch.zeros([]);
      if (key.includes("magnitude")) expectClose(ours, theirs, key);
      const kind = key.replace(/.*\.(?=lora|hada|lokr|oft)/, "");
      if (kind === "lokr_t2") continue; // sixteen numbers, whose sum is anything
      const sum = squares.get(kind) ?? { ours: 0, theirs: 0 };
      sum.ours += torch.tidy(() => ours.detach().square().sum()).item();
      sum.theirs += torch.tidy(() => theirs.square().sum()).item();
      squares.set(kind, sum);
    }
    for (const [kind, { ours, theirs }] of squares) {
      if (theirs === 0) expect(ours, kind).toBe(0);
      else expect(Math.abs(Math.log(ours / theirs)), kind).toBeLessThan(0.5);
    }
    if (name.startsWith("LoKr, both matrices whole")) return;
    expectClose(call(model, base), call(await fresh(base), base));
  });
});

describe.each(onlyLoaded)("%s, made by PEFT", (name, { peftType }) => {
  it("computes what PEFT does when it loads it", async () => {
    const model = await fresh("pixart");
    await loadAdapter(model, join(root, kebab(name)));
    const output = call(model, "pixart");
    expectClose(output, tensorOf(join(root, kebab(name), "output.safetensors"), "output"));
    if (peftType === "OFT") {
      expect(() => mergeAdapters(model)).toThrow(
        new UnsupportedError(
          "An OFT adapter on a convolution with a kernel of [2, 2] cannot be merged: PEFT's result cannot be written as one kernel. Use it unmerged",
        ),
      );
      return;
    }
    mergeAdapters(model);
    expectClose(call(model, "pixart"), output);
  });
});

describe.each(singleFiles)("%s as one file, %s, told %j", (name, file, options, scale) => {
  it("computes what the folder of PEFT does", async () => {
    const [model, other] = [await fresh("pixart"), await fresh("pixart")];
    const path = join(theirsOf(name), file);
    const adapter = await loadLoraFile(model, path, options);
    await loadAdapter(other, theirsOf(name), { scale });
    expectClose(call(model, "pixart"), call(other, "pixart"));

    const converted = join(root, "converted");
    await adapter.save(converted);
    const again = await fresh("pixart");
    const back = await loadAdapter(again, converted);
    expectEqualTensors(back.parameters(), adapter.parameters());
    expectClose(call(again, "pixart"), call(model, "pixart"));
  });
});

describe.each(pairs)("two adapters at once: $adapters", ({ base, adapters, output }) => {
  it("computes what PEFT does, the second at half its scale", async () => {
    const model = await fresh(base);
    const [first = "", second = ""] = adapters;
    await loadAdapter(model, oursOf(first));
    await loadAdapter(model, oursOf(second), { name: "second", scale: 0.5 });
    const unmerged = call(model, base);
    expectClose(unmerged, tensorOf(join(root, output), "output"));
    mergeAdapters(model);
    expectClose(call(model, base), unmerged);
  });
});
