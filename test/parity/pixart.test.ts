import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type PixArtInputs,
  PixArtTransformer2DModel,
} from "../../src/models/pixart/transformer.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import keyList from "./pixart-keys.json" with { type: "json" };
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("pixart.py", import.meta.url));

/** The configuration of diffusers' own pipeline tests. */
const tiny = {
  sample_size: 8,
  num_layers: 2,
  patch_size: 2,
  attention_head_dim: 8,
  num_attention_heads: 3,
  caption_channels: 32,
  in_channels: 4,
  cross_attention_dim: 24,
  out_channels: 8,
};

/** `spread` is what Python adds to its initial weights, so that none is zero; wide layers blow up with much of it. */
const usual = { batch: 2, height: 8, width: 8, tokens: 7, mask: "tokens", spread: 0.1 };

const cases = [
  { ...usual, name: "captions with masks", config: tiny },
  {
    ...usual,
    name: "micro-conditions on a non-square grid",
    height: 8,
    width: 12,
    config: { ...tiny, use_additional_conditions: true, interpolation_scale: 2 },
  },
  {
    ...usual,
    name: "micro-conditions and scale by the sample size",
    height: 4,
    width: 6,
    config: { ...tiny, sample_size: 128 },
  },
  // Rounding beside −10000 shows: −∞ or another large number would give other digits.
  { ...usual, name: "captions masked whole", mask: "nothing kept", config: tiny },
  {
    ...usual,
    name: "no caption projection, no mask",
    mask: "none",
    config: { ...tiny, caption_channels: null, cross_attention_dim: 16 },
  },
  {
    ...usual,
    name: "bias as mask, fractional time, as many channels out as in",
    mask: "bias",
    fractional_time: true,
    config: { ...tiny, out_channels: null, interpolation_scale: 0.5 },
  },
  {
    ...usual,
    name: "affine norms, no attention bias, wide epsilon, one layer, patches of 4",
    config: {
      ...tiny,
      norm_elementwise_affine: true,
      attention_bias: false,
      norm_eps: 1e-2,
      num_layers: 1,
      patch_size: 4,
      upcast_attention: true,
    },
  },
  {
    ...usual,
    name: "the released model's heads, caption length and defaults",
    height: 24,
    width: 32,
    tokens: 120,
    spread: 0.02,
    config: {
      num_attention_heads: 2,
      num_layers: 3,
      cross_attention_dim: 144,
      caption_channels: 64,
    },
  },
  {
    ...usual,
    name: "PixArt-Σ: position scale 4 by a sample size of 256, 300 tokens, not square",
    height: 12,
    width: 20,
    tokens: 300,
    config: { ...tiny, sample_size: 256, use_additional_conditions: false, num_layers: 1 },
  },
  {
    ...usual,
    name: "PixArt-Σ at 1024: position scale in the file, no micro-conditions at sample size 128",
    height: 12,
    width: 8,
    tokens: 300,
    config: {
      ...tiny,
      sample_size: 128,
      interpolation_scale: 2,
      use_additional_conditions: false,
      num_layers: 1,
    },
  },
  ...["gelu", "geglu", "geglu-approximate", "swiglu", "linear-silu"].map((activation) => ({
    ...usual,
    name: `activation ${activation}`,
    config: { ...tiny, num_layers: 1, activation_fn: activation },
  })),
].map((one, i) => ({ ...one, seed: i }));

let folder = "";
/** Keys and shapes of the released model in diffusers. */
let theirKeys: unknown;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-parity-"));
  const released = { caption_channels: 4096 };
  theirKeys = await runPython(script, { action: "make", folder, cases, released });
});
afterAll(() => rm(folder, { recursive: true }));

/** The inputs that Python called its model with, its output, and the weights of the loss. */
function readCase(name: string): {
  readonly x: torch.Tensor;
  readonly inputs: PixArtInputs;
  readonly output: torch.Tensor;
  readonly weight: torch.Tensor;
} {
  const file = readSafetensors(join(folder, name, "io.safetensors"));
  const optional = (key: string) => (file.tensors.has(key) ? file.tensor(key) : undefined);
  const resolution = optional("resolution");
  return {
    x: file.tensor("hidden_states"),
    inputs: {
      encoderHiddenStates: file.tensor("encoder_hidden_states"),
      timestep: file.tensor("timestep"),
      encoderAttentionMask: optional("encoder_attention_mask"),
      addedCondKwargs: resolution && { resolution, aspectRatio: file.tensor("aspect_ratio") },
    },
    output: file.tensor("output"),
    weight: file.tensor("weight"),
  };
}

describe.each(cases)("PixArtTransformer2DModel against diffusers: $name", ({ name }) => {
  it("computes the same", async () => {
    const model = await PixArtTransformer2DModel.fromPretrained(join(folder, name));
    const { x, inputs, output } = readCase(name);
    expectClose(model.call(x, inputs), output);
  });

  it.each([false, true])("has the same gradients (checkpointing: %s)", async (checkpointing) => {
    const model = await PixArtTransformer2DModel.fromPretrained(join(folder, name));
    model.gradientCheckpointing = checkpointing;
    const { x, inputs, weight } = readCase(name);
    torch.backward(torch.tidy(() => model.call(x, inputs).mul(weight).sum()));
    const file = readSafetensors(join(folder, name, "gradients.safetensors"));
    const gradients = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
    expectSameGradients(model.namedParameters(), gradients);
  });
});

describe("what savePretrained writes", () => {
  interface Reloaded {
    readonly distances: readonly number[];
    readonly same: boolean;
    readonly classes: readonly string[];
    readonly loading: Readonly<Record<string, readonly string[]>>;
    readonly config: Readonly<Record<string, unknown>>;
    readonly fresh: Readonly<Record<string, unknown>>;
  }

  it("is loaded by diffusers and gives the same output and config.json", async () => {
    const models = cases.map(({ name, config }) => ({
      folder: join(folder, name, "ours"),
      original: join(folder, name),
      config,
    }));
    for (const { name } of cases) {
      const model = await PixArtTransformer2DModel.fromPretrained(join(folder, name));
      await model.savePretrained(join(folder, name, "ours"));
    }
    const reloaded = (await runPython(script, { action: "reload", models })) as Reloaded[];
    reloaded.forEach(({ distances, same, classes, loading, config, fresh }, i) => {
      expect(same).toBe(true);
      expect(Math.max(...distances)).toBeLessThanOrEqual(1e-5);
      expect(classes).toEqual(["PixArtTransformer2DModel", "PixArtTransformer2DModel"]);
      expect(Object.values(loading).flat()).toEqual([]);
      const ours: Record<string, unknown> = JSON.parse(
        readFileSync(join(models[i]?.folder ?? "", "config.json"), "utf8"),
      );
      const { _diffusers_version: _, _name_or_path: __, ...theirs } = config;
      expect(theirs).toEqual(ours);
      expect(Object.keys(ours)).toEqual(Object.keys(ours).toSorted());
      const { _diffusers_version: ___, ...defaults } = fresh;
      expect(defaults).toEqual(ours);
    });
  });
});

describe("keys of the released model with micro-conditions", () => {
  const model = construct(
    { device: "meta" },
    () => new PixArtTransformer2DModel({ captionChannels: 4096 }),
  );

  it("are the committed ones", () => {
    const ours = [...model.stateDict()].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(ours)).toEqual(keyList);
  });

  it("are diffusers'", () => {
    expect(theirKeys).toEqual(keyList);
  });
});
