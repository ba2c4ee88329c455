import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { IncompatibleError } from "../../errors/index.ts";
import { Conv2d, construct, Linear, Module } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { writeSafetensors } from "../../weights/index.ts";
import { PixArtTransformer2DModel } from "../pixart/index.ts";
import { addAdapter, loadAdapter, loadLoraFile, mergeAdapters } from "./index.ts";

type Tensor = torch.Tensor;
type Tensors = Readonly<Record<string, Tensor>>;

const folder = mkdtempSync(join(tmpdir(), "pixart-dialects-"));
afterAll(() => rmSync(folder, { recursive: true }));

class Model extends Module {
  static override readonly keys = { toOut: "attn.to_out.0" };
  readonly toOut: Linear = new Linear(6, 4);
  readonly proj: Conv2d = new Conv2d(2, 4, 2);
  override forward(): void {}
}

const make = (): Model => construct({ generator: torch.generator(0) }, () => new Model());
const generator = torch.generator(1);
const random = (...shape: number[]): Tensor => torch.keep(torch.randn(shape, { generator }));
const scalar = (value: number): Tensor => torch.keep(torch.tensor(value));

let files = 0;
async function write(tensors: Tensors, metadata?: Record<string, string>): Promise<string> {
  const path = join(folder, `${files++}.SAFETENSORS`);
  await writeSafetensors(path, new Map(Object.entries(tensors)), metadata);
  return path;
}

const warnings: string[] = [];
const onWarning = (message: string): void => void warnings.push(message);

/** The weights with a file merged into them. */
async function merged<M extends Module>(model: M, path: string): Promise<M> {
  warnings.length = 0;
  await loadLoraFile(model, path, { onWarning });
  mergeAdapters(model, { keepOriginals: false });
  return model;
}

const distance = (a: Tensor, b: Tensor): number =>
  torch.noGrad(() => torch.tidy(() => a.sub(b).norm().div(b.norm()))).item();

const [a, b] = [random(2, 6), random(4, 2)];
const product = b.mm(a);
const { toOut: original, proj: originalProj } = make();
const weight = original.weight.detach();
const lora = (start: string, down: string, up: string): Tensors => ({
  [`${start}.${down}`]: a,
  [`${start}.${up}`]: b,
});

/** Files of one LoRA on a layer, by the keys that programs give it. */
const keys: readonly (readonly [program: string, tensors: Tensors])[] = [
  ["diffusers", lora("transformer.attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  ["older diffusers", lora("unet.attn.to_out.0", "lora.down.weight", "lora.up.weight")],
  ["PEFT", lora("base_model.model.attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  [
    "PEFT's own state",
    lora("base_model.model.attn.to_out.0", "lora_A.default.weight", "lora_B.default.weight"),
  ],
  ["the paper's", lora("unet.base_model.model.attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  ["ComfyUI", lora("diffusion_model.attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  [
    "ComfyUI's checkpoints",
    lora("model.diffusion_model.attn.to_out.0", "lora_down.weight", "lora_up.weight"),
  ],
  ["no prefix", lora("attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  ["data parallelism", lora("module.attn.to_out.0", "lora_A.weight", "lora_B.weight")],
  [
    "a compiled model",
    lora("transformer._orig_mod.attn.to_out.0", "lora_A.weight", "lora_B.weight"),
  ],
  ["kohya", lora("lora_unet_attn_to_out_0", "lora_down.weight", "lora_up.weight")],
  [
    "kohya, compiled",
    lora("lora_unet__orig_mod_attn_to_out_0", "lora_down.weight", "lora_up.weight"),
  ],
  ["OneTrainer", lora("lora_transformer_attn_to_out_0", "lora_down.weight", "lora_up.weight")],
  ["SimpleTuner", lora("lycoris_attn_to_out_0", "lora_down.weight", "lora_up.weight")],
];

const [w1a, w1b, w2a, w2b] = [random(4, 2), random(2, 6), random(4, 2), random(2, 6)];
const [k1, k2, k2a, k2b] = [random(2, 3), random(2, 2), random(2, 1), random(1, 2)];
const [rows, columns] = [random(4, 1).abs(), random(1, 6).abs()];
const stretched = (changed: Tensor, lengths: Tensor, dimension: number): Tensor =>
  changed.div(changed.norm(2, dimension, true)).mul(lengths);
const start = "lycoris_attn_to_out_0";
const changed = torch.keep(weight.add(product.mul(0.5)));

/** What programs put on a layer, and the weight (4, 6) that it makes, written out. */
const kinds: readonly (readonly [kind: string, tensors: Tensors, expected: Tensor])[] = [
  [
    "LoRA with an alpha",
    { ...lora(start, "lora_down.weight", "lora_up.weight"), [`${start}.alpha`]: scalar(1) },
    changed,
  ],
  [
    "DoRA of outputs",
    {
      ...lora(start, "lora_down.weight", "lora_up.weight"),
      [`${start}.alpha`]: scalar(1),
      [`${start}.dora_scale`]: rows,
    },
    stretched(changed, rows, 1),
  ],
  [
    "DoRA of inputs",
    {
      ...lora(start, "lora_down.weight", "lora_up.weight"),
      [`${start}.alpha`]: scalar(1),
      [`${start}.dora_scale`]: columns,
    },
    stretched(changed, columns, 0),
  ],
  [
    "DoRA by its magnitude",
    {
      ...lora("transformer.attn.to_out.0", "lora_A.weight", "lora_B.weight"),
      "transformer.attn.to_out.0.alpha": scalar(1),
      "transformer.attn.to_out.0.magnitude": rows,
    },
    stretched(changed, rows, 1),
  ],
  [
    "LoHa",
    {
      [`${start}.hada_w1_a`]: w1a,
      [`${start}.hada_w1_b`]: w1b,
      [`${start}.hada_w2_a`]: w2a,
      [`${start}.hada_w2_b`]: w2b,
      [`${start}.alpha`]: scalar(3),
    },
    weight.add(w1a.mm(w1b).mul(w2a.mm(w2b)).mul(1.5)),
  ],
  [
    "LoKr of whole matrices, which no alpha scales",
    { [`${start}.lokr_w1`]: k1, [`${start}.lokr_w2`]: k2, [`${start}.alpha`]: scalar(9) },
    weight.add(torch.kron(k1, k2)),
  ],
  [
    "LoKr with factors",
    {
      [`${start}.lokr_w1`]: k1,
      [`${start}.lokr_w2_a`]: k2a,
      [`${start}.lokr_w2_b`]: k2b,
      [`${start}.alpha`]: scalar(0.5),
    },
    weight.add(torch.kron(k1, k2a.mm(k2b)).mul(0.5)),
  ],
  ["differences", { [`${start}.diff`]: product }, weight.add(product)],
].map(([kind, tensors, expected]) => [kind, tensors, torch.keep(expected as Tensor)] as never);

describe("loadLoraFile", () => {
  it.each(keys)("knows the keys of %s", async (_, tensors) => {
    const model = await merged(make(), await write(tensors));
    expect(distance(model.toOut.weight, weight.add(product))).toBeLessThan(1e-6);
    expect(warnings).toEqual([
      expect.stringContaining("there is no alpha in the file or next to it: the rank is assumed"),
    ]);
  });

  it.each(kinds)("computes %s", async (_, tensors, expected) => {
    const model = await merged(make(), await write(tensors));
    expect(distance(model.toOut.weight, expected)).toBeLessThan(1e-6);
    expect(model.toOut.bias?.equal(original.bias as Tensor)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it("adds differences of biases, and takes them out again", async () => {
    const model = make();
    const difference = random(4);
    await loadLoraFile(model, await write({ "attn.to_out.0.diff_b": difference }), { scale: 0.5 });
    const x = random(3, 6);
    const plain = make().toOut.call(x);
    expect(distance(model.toOut.call(x), plain.add(difference.mul(0.5)))).toBeLessThan(1e-6);
    mergeAdapters(model);
    expect(distance(model.toOut.call(x), plain.add(difference.mul(0.5)))).toBeLessThan(1e-6);
  });

  it("has the cores of convolutions, and takes kernels flat", async () => {
    const [up, mid, down] = [random(4, 3, 1, 1), random(3, 3, 2, 2), random(3, 2, 1, 1)];
    const keysOfProj = (tensors: Tensors): Tensors =>
      Object.fromEntries(Object.entries(tensors).map(([key, t]) => [`lycoris_proj.${key}`, t]));
    const tucker = keysOfProj({
      "lora_up.weight": up,
      "lora_mid.weight": mid,
      "lora_down.weight": down,
      alpha: scalar(3),
    });
    const model = await merged(make(), await write(tucker));
    const x = random(1, 2, 5, 5);
    const F = torch.functional;
    const inner = F.conv2d(F.conv2d(F.conv2d(x, down), mid), up);
    const plain = originalProj.call(x);
    expect(distance(model.proj.call(x), plain.add(inner))).toBeLessThan(1e-6);

    const flat = { "proj.lora_A.weight": random(2, 8), "proj.lora_B.weight": random(4, 2) };
    const other = await merged(make(), await write(flat));
    const delta = flat["proj.lora_B.weight"].mm(flat["proj.lora_A.weight"]).reshape([4, 2, 2, 2]);
    expect(distance(other.proj.weight, originalProj.weight.add(delta))).toBeLessThan(1e-6);
  });

  it("goes by the configuration beside a file of PEFT's", async () => {
    const place = join(folder, "peft");
    const model = make();
    const options = { peftType: "LORA", targetModules: ["to_out.0"], r: 2, loraAlpha: 7 } as const;
    await addAdapter(model, { ...options, initLoraWeights: false, useRslora: true }).save(place);
    const file = join(place, "adapter_model.safetensors");
    const [byFolder, byFile] = [make(), make()];
    await loadAdapter(byFolder, place);
    await loadLoraFile(byFile, file, { onWarning });
    for (const each of [byFolder, byFile]) mergeAdapters(each);
    expect(byFile.toOut.weight.equal(byFolder.toOut.weight)).toBe(true);
    expect(distance(byFile.toOut.weight, weight)).toBeGreaterThan(1e-3);
    await expect(loadLoraFile(make(), file, { alpha: 8 })).rejects.toThrow(
      `Expected no alpha for a file that has its own, ${file}, but received 8`,
    );
  });

  it("refuses two things for one", async () => {
    const twice = await write({
      ...lora("transformer.attn.to_out.0", "lora_A.weight", "lora_B.weight"),
      ...lora("attn.to_out.0", "lora_A.weight", "lora_B.weight"),
    });
    await expect(loadLoraFile(make(), twice)).rejects.toThrow(
      `${twice}: tensors: expected one lora_A.weight for attn.to_out.0 but found attn.to_out.0.lora_A.weight and transformer.attn.to_out.0.lora_A.weight`,
    );
    const noted = {
      lora_adapter_metadata: '{"target_modules": ["to_out.0"], "r": 2, "lora_alpha": 4}',
    };
    const other = await write(
      {
        ...lora("attn.to_out.0", "lora_A.weight", "lora_B.weight"),
        "attn.to_out.0.alpha": scalar(3),
      },
      noted,
    );
    await expect(loadLoraFile(make(), other)).rejects.toThrow(
      `${other}: tensor "attn.to_out.0.alpha": expected 4, as the configuration says but found 3`,
    );
  });

  it("cannot save what PEFT has no form for", async () => {
    const adapter = await loadLoraFile(make(), await write({ "attn.to_out.0.diff": product }));
    await mkdir(join(folder, "none"));
    await expect(adapter.save(join(folder, "none"))).rejects.toThrow(
      'Expected an adapter that the PEFT format can express for save() but received "default", from a file of another kind; keep the file, or mergeAdapters() and save the model',
    );
  });
});

describe("a transformer's file", () => {
  const transformer = (width = 8): PixArtTransformer2DModel =>
    construct(
      { generator: torch.generator(3) },
      () =>
        new PixArtTransformer2DModel({
          ...{ numLayers: 2, sampleSize: 8, attentionHeadDim: width / 2, numAttentionHeads: 2 },
          ...{ captionChannels: 8, crossAttentionDim: width },
        }),
    );
  const weightOf = (model: Module, layer: string): Tensor =>
    model.stateDict().get(`${layer}.weight`) as Tensor;
  const [down, up, lengths] = [random(2, 8), random(24, 2), random(24).abs()];

  it.each([
    ["blocks.0.attn.qkv", "lora_A.weight", "lora_B.weight"],
    ["diffusion_model.blocks.0.attn.qkv", "lora_A.weight", "lora_B.weight"],
    ["lora_unet_blocks_0_attn_qkv", "lora_down.weight", "lora_up.weight"],
  ])("has the published code's names, in %s", async (name, first, second) => {
    const path = await write({ [`${name}.${first}`]: down, [`${name}.${second}`]: up });
    const model = await merged(transformer(), path);
    const dora = await merged(
      transformer(),
      await write({
        [`${name}.${first}`]: down,
        [`${name}.${second}`]: up,
        [`${name}.dora_scale`]: lengths.reshape([24, 1]),
      }),
    );
    for (const [i, part] of ["to_q", "to_k", "to_v"].entries()) {
      const layer = `transformer_blocks.0.attn1.${part}`;
      const expected = weightOf(transformer(), layer).add(up.mm(down).narrow(0, 8 * i, 8));
      expect(distance(weightOf(model, layer), expected)).toBeLessThan(1e-6);
      const own = lengths.narrow(0, 8 * i, 8).reshape([8, 1]);
      expect(distance(weightOf(dora, layer), stretched(expected, own, 1))).toBeLessThan(1e-6);
    }
  });

  it("leaves the text encoder's tensors out with a word, and no others", async () => {
    const layer = "transformer_blocks.1.attn2.to_k";
    const both = {
      ...{
        [`transformer.${layer}.lora_A.weight`]: random(2, 8),
        [`transformer.${layer}.lora_B.weight`]: random(8, 2),
      },
      [`transformer.${layer}.alpha`]: scalar(2),
      "text_encoder.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight": random(2, 8),
    };
    const path = await write(both);
    await merged(transformer(), path);
    expect(warnings).toEqual([
      `${path}: left out 1 tensors for another model than PixArtTransformer2DModel: text_encoder.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight; loadAdapters() puts both on a pipeline`,
    ]);
    const odd = await write({
      ...both,
      "transformer.transformer_blocks.1.attn3.to_k.lora_A.weight": random(2, 8),
    });
    await expect(loadLoraFile(transformer(), odd)).rejects.toThrow(
      "  unexpected (1):\n    transformer.transformer_blocks.1.attn3.to_k.lora_A.weight",
    );
  });

  it("says in one sentence that it was made for another width or depth", async () => {
    const place = join(folder, "wide");
    await addAdapter(transformer(12), { peftType: "LORA", targetModules: ["to_q", "to_k"] }).save(
      place,
    );
    const reason = "it was made for a PixArtTransformer2DModel 12 wide, and this one is 8";
    await expect(loadAdapter(transformer(), place)).rejects.toThrow(
      new IncompatibleError(`The adapter in ${place} does not fit: ${reason}`),
    );
    const fitting = { "lora_A.weight": random(2, 8), "lora_B.weight": random(8, 2) };
    const deep = await write(
      Object.fromEntries(
        [0, 27].flatMap((block) =>
          Object.entries(fitting).map(([key, tensor]) => [
            `transformer.transformer_blocks.${block}.attn1.to_q.${key}`,
            tensor,
          ]),
        ),
      ),
    );
    await expect(loadLoraFile(transformer(), deep)).rejects.toThrow(
      "it was made for a PixArtTransformer2DModel of at least 28 blocks, and this one has 2",
    );
  });

  it("says what narrow floats are to become", async () => {
    const header = JSON.stringify({
      "transformer.proj_out.lora_A.weight": { dtype: "F8_E8M0", shape: [1], data_offsets: [0, 1] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const path = join(folder, "narrow.safetensors");
    writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(1)]));
    await expect(loadLoraFile(transformer(), path)).rejects.toThrow(
      'but found "F8_E8M0"; other floats of 8 bits or fewer are not read: convert the file to float16 with the program that wrote it',
    );
  });
});
