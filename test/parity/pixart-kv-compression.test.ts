import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  PixArtTransformer2DModel,
  type PixArtTransformerConfig,
} from "../../src/models/pixart/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("pixart-kv-compression.py", import.meta.url));

const tiny: Partial<PixArtTransformerConfig> = {
  sampleSize: 8,
  numLayers: 3,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  captionChannels: 32,
  crossAttentionDim: 24,
  useAdditionalConditions: false,
};

/** As in PixArt-Σ, the first layers see every token. */
const compress = (
  sampling: "conv" | "ave" | "uniform" | "uniform_every",
  scaleFactor = 2,
): Partial<PixArtTransformerConfig> => ({
  ...tiny,
  kvCompressConfig: { sampling, scaleFactor, kvCompressLayer: [1, 2] },
});

const cases = [
  { name: "convolution", config: compress("conv"), height: 8, width: 8 },
  {
    name: "convolution and normalised queries, not square",
    config: { ...compress("conv"), qkNorm: true },
    height: 8,
    width: 16,
  },
  { name: "convolution by 3", config: compress("conv", 3), height: 12, width: 18 },
  { name: "ave", config: compress("ave"), height: 8, width: 12 },
  { name: "ave by 3", config: compress("ave", 3), height: 12, width: 18 },
  { name: "uniform", config: compress("uniform"), height: 16, width: 8 },
  { name: "every second token", config: compress("uniform_every"), height: 6, width: 8 },
  { name: "normalised queries alone", config: { ...tiny, qkNorm: true }, height: 6, width: 10 },
].map((one, seed) => ({ ...one, seed }));

let root = "";
let answers: readonly { readonly initial: Readonly<Record<string, readonly number[]>> }[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixart-parity-kv-"));
  const requests = [];
  for (const { name, config, seed, height, width } of cases) {
    const generator = torch.generator(seed);
    const model = construct({ generator }, () => new PixArtTransformer2DModel(config));
    torch.noGrad(() => {
      for (const parameter of model.parameters()) {
        torch.tidy(() => parameter.add_(torch.randn(parameter.shape, { generator }).mul(0.1)));
      }
    });
    await model.savePretrained(join(root, name));
    requests.push({ folder: join(root, name), seed, height, width });
  }
  answers = (await runPython(script, requests)) as typeof answers;
});
afterAll(() => rm(root, { recursive: true }));

describe.each(cases)("PixArt-Σ's attention against PyTorch: $name", ({ name, config, seed }) => {
  it.each([false, true])(
    "computes the same, with its gradients (checkpointing: %s)",
    async (on) => {
      const model = await PixArtTransformer2DModel.fromPretrained(join(root, name));
      model.gradientCheckpointing = on;
      const io = readSafetensors(join(root, name, "io.safetensors"));
      const output = model.call(io.tensor("hidden_states"), {
        encoderHiddenStates: io.tensor("encoder_hidden_states"),
        timestep: io.tensor("timestep"),
      });
      expectClose(output, io.tensor("output"));
      torch.backward(torch.tidy(() => output.mul(io.tensor("weight")).sum()));
      const file = readSafetensors(join(root, name, "gradients.safetensors"));
      const gradients = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
      expectSameGradients(model.namedParameters(), gradients);
    },
  );

  it("starts from the same means and norms, however it is drawn", () => {
    const wanted = answers[seed]?.initial ?? {};
    for (const model of [
      new PixArtTransformer2DModel(config),
      new PixArtTransformer2DModel(config).initializeWeights(),
    ]) {
      const weights = model.namedParameters();
      for (const [key, range] of Object.entries(wanted)) {
        const weight = weights.get(key)?.detach();
        expect([weight?.amin().item(), weight?.amax().item()], key).toEqual(range);
      }
    }
  });
});
