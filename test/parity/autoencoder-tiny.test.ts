import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AutoencoderTiny } from "../../src/models/autoencoder-tiny/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("autoencoder-tiny.py", import.meta.url));

const cases = [
  {
    name: "the layout of TAESD, narrow",
    config: {
      encoderBlockOutChannels: [16, 16, 16, 16],
      decoderBlockOutChannels: [16, 16, 16, 16],
    },
    images: [2, 3, 16, 24],
    latents: [2, 4, 2, 3],
  },
  {
    name: "another activation, upsampling and number of levels",
    config: {
      encoderBlockOutChannels: [8, 8],
      decoderBlockOutChannels: [12, 12, 12],
      numEncoderBlocks: [1, 2],
      numDecoderBlocks: [2, 1, 1],
      actFn: "gelu",
      upsampleFn: "bilinear",
      latentChannels: 6,
    },
    images: [1, 3, 10, 6],
    latents: [1, 6, 3, 4],
  },
  {
    name: "upsampling by 3, other bounds and channels",
    config: {
      inChannels: 4,
      outChannels: 4,
      encoderBlockOutChannels: [8],
      decoderBlockOutChannels: [8, 8],
      numEncoderBlocks: [1],
      numDecoderBlocks: [1, 1],
      actFn: "silu",
      upsampleFn: "bicubic",
      upsamplingScalingFactor: 3,
      latentMagnitude: 2,
      latentShift: 0.25,
    },
    images: [2, 4, 6, 5],
    latents: [1, 4, 3, 3],
  },
] as const;

let root = "";
let answer: {
  readonly cases: readonly {
    readonly loading: Readonly<Record<string, readonly string[]>>;
    readonly config: Readonly<Record<string, unknown>>;
  }[];
  readonly shapes: Readonly<Record<string, readonly number[]>>;
};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixart-parity-tiny-"));
  const requests = [];
  for (const [seed, { name, config, images, latents }] of cases.entries()) {
    const folder = join(root, name);
    const generator = torch.generator(seed + 10);
    await construct({ generator }, () => new AutoencoderTiny(config)).savePretrained(folder);
    requests.push({ folder, seed, images, latents });
  }
  answer = (await runPython(script, requests)) as typeof answer;
});
afterAll(() => rm(root, { recursive: true }));

describe.each(cases.map((one, seed) => ({ ...one, seed })))(
  "AutoencoderTiny against diffusers: $name",
  ({ name, seed }) => {
    const folder = () => join(root, name);
    const open = () => readSafetensors(join(folder(), "io.safetensors"));

    it("encodes, decodes and stores the same", async () => {
      const model = await AutoencoderTiny.fromPretrained(folder());
      const io = open();
      expectClose(model.encode(io.tensor("images")), io.tensor("encoded"));
      expectClose(model.decode(io.tensor("latents")), io.tensor("decoded"));
      const scaled = model.scaleLatents(io.tensor("latents"));
      expectClose(scaled, io.tensor("scaled"));
      expectClose(model.unscaleLatents(scaled), io.tensor("unscaled"));
      expectClose(model.call(io.tensor("images")), io.tensor("reconstructed"));
    });

    it("has the same gradients", async () => {
      const model = await AutoencoderTiny.fromPretrained(folder());
      const io = open();
      const images = io.tensor("images").requiresGrad_();
      const latents = io.tensor("latents").requiresGrad_();
      const loss = torch.tidy(() => {
        const encoded = model.encode(images).mul(io.tensor("encoded_weight")).sum();
        return encoded.add(model.decode(latents).mul(io.tensor("decoded_weight")).sum());
      });
      torch.backward(loss);
      const file = readSafetensors(join(folder(), "gradients.safetensors"));
      const gradients = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
      expectSameGradients(model.namedParameters(), gradients);
      for (const [input, key] of [
        [images, "images_gradient"],
        [latents, "latents_gradient"],
      ] as const) {
        expectClose(input.grad ?? torch.zeros([0]), io.tensor(key), key);
      }
    });

    it("starts from the same weights with the same seed, and reads diffusers' folder", async () => {
      const theirs = await AutoencoderTiny.fromPretrained(join(folder(), "initial"));
      torch.manualSeed(seed);
      const ours = new AutoencoderTiny(theirs.config).stateDict();
      for (const [key, tensor] of theirs.stateDict()) {
        expect(ours.get(key)?.equal(tensor), key).toBe(true);
      }
    });

    it("is loaded by diffusers, which writes the same config.json", () => {
      const { loading, config } = answer.cases[seed] ?? {};
      expect(Object.values(loading ?? {}).flat()).toEqual([]);
      const ours = JSON.parse(readFileSync(join(folder(), "config.json"), "utf8"));
      expect(ours).toEqual({ _class_name: "AutoencoderTiny", ...config });
    });
  },
);

describe("TAESD", () => {
  it("has diffusers' keys and shapes", () => {
    const model = construct({ device: "meta" }, () => new AutoencoderTiny());
    const ours = [...model.stateDict()].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(ours)).toEqual(answer.shapes);
  });
});
