import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PixArtTransformer2DModel } from "../../src/models/pixart/index.ts";
import {
  PixArtControlNetAdapterModel,
  PixArtControlNetTransformerModel,
} from "../../src/models/pixart-controlnet/index.ts";
import { construct, type Module } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("controlnet.py", import.meta.url));

const tiny = {
  sampleSize: 8,
  numLayers: 4,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  captionChannels: 32,
  crossAttentionDim: 24,
  useAdditionalConditions: false,
};

const cases = [
  { name: "half of the blocks", config: tiny, numLayers: 2, height: 8, width: 8 },
  {
    name: "all blocks that another follows, with micro-conditions, not square",
    config: { ...tiny, useAdditionalConditions: true },
    numLayers: 3,
    height: 8,
    width: 12,
  },
  { name: "one block", config: tiny, numLayers: 1, height: 4, width: 12 },
].map((one, seed) => ({ ...one, seed }));

function disturb(model: Module, generator: torch.Generator): void {
  torch.noGrad(() => {
    for (const parameter of model.parameters()) {
      torch.tidy(() => parameter.add_(torch.randn(parameter.shape, { generator }).mul(0.1)));
    }
  });
}

let root = "";
let answer: {
  readonly cases: readonly { readonly config: unknown }[];
  readonly keys: Readonly<Record<string, readonly number[]>>;
};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixart-parity-controlnet-"));
  const requests = [];
  for (const { name, config, numLayers, seed, height, width } of cases) {
    const folder = join(root, name);
    const generator = torch.generator(seed);
    const transformer = construct({ generator }, () => new PixArtTransformer2DModel(config));
    disturb(transformer, generator);
    const controlnet = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers });
    disturb(controlnet, generator);
    await transformer.savePretrained(join(folder, "transformer"));
    await controlnet.savePretrained(join(folder, "controlnet"));
    requests.push({ folder, seed, height, width });
  }
  answer = (await runPython(script, { cases: requests })) as typeof answer;
});
afterAll(() => rm(root, { recursive: true }));

describe.each(cases)("PixArtControlNetTransformerModel against PyTorch: $name", (one) => {
  const load = async () => {
    const folder = join(root, one.name);
    const file = readSafetensors(join(folder, "io.safetensors"));
    const transformer = await PixArtTransformer2DModel.fromPretrained(folder, {
      subfolder: "transformer",
    });
    const controlnet = await PixArtControlNetAdapterModel.fromPretrained(folder, {
      subfolder: "controlnet",
    });
    transformer.requiresGrad_(false);
    return {
      file,
      model: new PixArtControlNetTransformerModel(transformer, controlnet),
      x: file.tensor("hidden_states"),
      inputs: {
        encoderHiddenStates: file.tensor("encoder_hidden_states"),
        encoderAttentionMask: file.tensor("encoder_attention_mask"),
        timestep: file.tensor("timestep"),
        addedCondKwargs: {
          resolution: file.tensor("resolution"),
          aspectRatio: file.tensor("aspect_ratio"),
        },
      },
    };
  };

  it.each([false, true])(
    "computes the same, with its gradients (checkpointing: %s)",
    async (on) => {
      const { file, model, x, inputs } = await load();
      model.transformer.gradientCheckpointing = on;
      const output = model.call(x, { ...inputs, controlnetCond: file.tensor("controlnet_cond") });
      expectClose(output, file.tensor("output"));
      torch.backward(torch.tidy(() => output.mul(file.tensor("weight")).sum()));
      const stored = readSafetensors(join(root, one.name, "gradients.safetensors"));
      const gradients = new Map(
        Array.from(stored.tensors.keys(), (key) => [key, stored.tensor(key)]),
      );
      expectSameGradients(model.controlnet.namedParameters(), gradients);
      for (const parameter of model.transformer.parameters())
        expect(parameter.grad).toBeUndefined();
    },
  );

  it("is the bare transformer without a condition", async () => {
    const { file, model, x, inputs } = await load();
    expectClose(model.call(x, inputs), file.tensor("base"));
    expect(model.call(x, inputs).equal(model.transformer.call(x, inputs))).toBe(true);
  });

  it("changes nothing, to the last bit, as long as it is untrained", async () => {
    const { file, model, x, inputs } = await load();
    const { numLayers } = one;
    const fresh = PixArtControlNetAdapterModel.fromTransformer(model.transformer, { numLayers });
    const controlled = new PixArtControlNetTransformerModel(model.transformer, fresh);
    const controlnetCond = file.tensor("controlnet_cond");
    const output = controlled.call(x, { ...inputs, controlnetCond });
    expect(output.equal(model.transformer.call(x, inputs))).toBe(true);
  });
});

describe("the adapter of XL/2", () => {
  it("has the keys and shapes of blocks of diffusers", () => {
    const adapter = construct({ device: "meta" }, () => new PixArtControlNetAdapterModel());
    const ours = [...adapter.stateDict()].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(ours)).toEqual(answer.keys);
  });
});
