import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AutoencoderKL } from "../../src/models/autoencoder-kl/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { madeCases } from "./made-cases.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("autoencoder-kl.py", import.meta.url));

const blocks = (widths: readonly number[]) => ({
  block_out_channels: widths,
  down_block_types: widths.map(() => "DownEncoderBlock2D"),
  up_block_types: widths.map(() => "UpDecoderBlock2D"),
});

const cases = [
  {
    name: "one block",
    config: { ...blocks([32]), norm_num_groups: 8 },
    images: [2, 3, 8, 12],
    latents: [2, 4, 8, 12],
  },
  {
    name: "factor 4",
    config: { ...blocks([32, 64, 96]), norm_num_groups: 16 },
    images: [2, 3, 16, 24],
    latents: [2, 4, 4, 6],
  },
  {
    name: "the layout and file of Stable Diffusion, narrow",
    config: {
      ...blocks([16, 32, 32, 32]),
      layers_per_block: 2,
      norm_num_groups: 8,
      sample_size: 32,
      scaling_factor: 0.18215,
    },
    images: [1, 3, 32, 16],
    latents: [1, 4, 4, 2],
    // Tiles left over on both sides, and one that is thinner than the seam.
    tiled: { images: [2, 3, 56, 88], latents: [2, 4, 7, 10] },
  },
  {
    name: "the layout and file of SDXL, narrow",
    config: {
      ...blocks([16, 32, 32, 32]),
      layers_per_block: 2,
      norm_num_groups: 8,
      sample_size: 64,
      scaling_factor: 0.13025,
      latents_mean: [0.1, -0.2, 0.3, 0],
      latents_std: [1, 2, 0.5, 0.75],
      force_upcast: true,
    },
    images: [1, 3, 16, 16],
    latents: [1, 4, 2, 2],
    tiled: { images: [1, 3, 64, 104], latents: [1, 4, 9, 8], overlap: 0.5 },
  },
  {
    name: "an odd size, other channels, no attention and no quantisation layers",
    config: {
      ...blocks([16, 32]),
      norm_num_groups: 8,
      in_channels: 4,
      out_channels: 4,
      latent_channels: 8,
      mid_block_add_attention: false,
      use_quant_conv: false,
      use_post_quant_conv: false,
      scaling_factor: 0.13025,
      shift_factor: 0.1159,
      force_upcast: false,
      sample_size: 64,
      act_fn: "swish",
    },
    images: [1, 4, 9, 13],
    latents: [1, 8, 3, 5],
  },
].map((one, seed) => ({ ...one, seed }));

const folderOf = madeCases(script, cases);

describe.each(cases)("AutoencoderKL against diffusers: $name", ({ name, seed }) => {
  const open = () => readSafetensors(join(folderOf(name), "io.safetensors"));

  it("encodes, draws and decodes the same", async () => {
    const model = await AutoencoderKL.fromPretrained(folderOf(name));
    const io = open();
    const posterior = model.encode(io.tensor("images"));
    expectClose(posterior.mean, io.tensor("mean"));
    expectClose(posterior.mode(), io.tensor("mean"));
    expectClose(posterior.logvar, io.tensor("logvar"));
    expectClose(posterior.sample(torch.generator(5)), io.tensor("sample"));
    expectClose(posterior.kl(), io.tensor("kl"));
    expectClose(model.decode(io.tensor("latents")), io.tensor("decoded"));
    expectClose(model.call(io.tensor("images")), io.tensor("reconstructed"));
    const scaled = model.toDiffusion(posterior.mean);
    expectClose(scaled, io.tensor("scaled"));
    expectClose(model.fromDiffusion(scaled), io.tensor("mean"));
  });

  it.each(["old", "older"])("loads the attention's %s layout", async (layout) => {
    const model = await AutoencoderKL.fromPretrained(join(folderOf(name), layout));
    const io = open();
    expectClose(model.decode(io.tensor("latents")), io.tensor("decoded"));
    expectClose(model.encode(io.tensor("images")).mean, io.tensor("mean"));
  });

  it("has the same gradients", async () => {
    const model = await AutoencoderKL.fromPretrained(folderOf(name));
    const io = open();
    const images = io.tensor("images").requiresGrad_();
    const latents = io.tensor("latents").requiresGrad_();
    const weighted = (tensor: torch.Tensor, key: string): torch.Tensor =>
      tensor.mul(io.tensor(`${key}_weight`)).sum();
    const loss = torch.tidy(() => {
      const { mean, logvar } = model.encode(images);
      const encoded = weighted(mean, "mean").add(weighted(logvar, "logvar"));
      return encoded.add(weighted(model.decode(latents), "decoded"));
    });
    torch.backward(loss);
    const file = readSafetensors(join(folderOf(name), "gradients.safetensors"));
    const gradients = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
    expectSameGradients(model.namedParameters(), gradients);
    for (const [input, key] of [
      [images, "images_gradient"],
      [latents, "latents_gradient"],
    ] as const) {
      expectClose(input.grad ?? torch.zeros([0]), io.tensor(key), key);
    }
  });

  it("starts from the same weights with the same seed", async () => {
    const { config } = await AutoencoderKL.fromPretrained(folderOf(name));
    torch.manualSeed(seed);
    const weights = new AutoencoderKL(config).stateDict();
    const expected = readSafetensors(
      join(folderOf(name), "initial", "diffusion_pytorch_model.safetensors"),
    );
    expect([...weights.keys()].toSorted()).toEqual([...expected.tensors.keys()].toSorted());
    for (const [key, tensor] of weights) {
      expect(tensor.equal(expected.tensor(key)), key).toBe(true);
    }
  });
});

describe.each(cases.flatMap(({ name, tiled }) => (tiled === undefined ? [] : [{ name, tiled }])))(
  "AutoencoderKL against diffusers, tile by tile: $name",
  ({ name, tiled }) => {
    const open = () => readSafetensors(join(folderOf(name), "tiled.safetensors"));
    const tilingOptions = "overlap" in tiled ? { tileOverlapFactor: tiled.overlap } : {};

    it("encodes and decodes the same", async () => {
      const model = await AutoencoderKL.fromPretrained(folderOf(name));
      model.enableTiling(tilingOptions);
      const io = open();
      expectClose(model.encode(io.tensor("images")).mean, io.tensor("mean"));
      expectClose(model.decode(io.tensor("latents")), io.tensor("decoded"));
    });

    it("computes in float32 what SDXL's pipeline does, with weights of float16", async () => {
      const model = await AutoencoderKL.fromPretrained(folderOf(name), { dtype: "float16" });
      const io = open();
      expectClose(
        model.upcasted(() => model.decode(io.tensor("latents"))),
        io.tensor("upcasted"),
      );
      expect(model.dtype).toBe("float16");
    });
  },
);

describe("what savePretrained writes", () => {
  interface Reloaded {
    readonly distances: readonly number[];
    readonly loading: Readonly<Record<string, readonly string[]>>;
    readonly config: Readonly<Record<string, unknown>>;
  }

  it("is loaded by diffusers and gives the same output and config.json", async () => {
    for (const { name } of cases) {
      const model = await AutoencoderKL.fromPretrained(folderOf(name));
      await model.savePretrained(join(folderOf(name), "ours"));
    }
    const reloaded = await runPython(script, {
      action: "reload",
      cases: cases.map(({ name }) => ({ folder: folderOf(name) })),
    });
    for (const [i, { distances, loading, config }] of (reloaded as Reloaded[]).entries()) {
      expect(distances).toEqual([0, 0]);
      expect(Object.values(loading).flat()).toEqual([]);
      const ours = readFileSync(
        join(folderOf(cases[i]?.name ?? ""), "ours", "config.json"),
        "utf8",
      );
      expect(JSON.parse(ours)).toEqual({ _class_name: "AutoencoderKL", ...config });
    }
  });
});
