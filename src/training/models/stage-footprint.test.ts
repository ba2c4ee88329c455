import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { writeTinyDataset } from "../../../test/fixtures/tiny-dataset.ts";
import { pixartHere } from "../../../test/integration/in-process.ts";
import { resolveConfig, resolveEpochs, type TrainConfig } from "../../config/index.ts";
import { readSafetensors } from "../../weights/index.ts";
import { forecastBytes } from "../checkpoints/checkpoint.ts";
import { loadTrainingData, stageExamples } from "../dataset/training-data.ts";
import { stageFootprint } from "./stage-footprint.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-shapes-"));
const data = join(root, "data");
const steps = 1;
const optimizers = [
  { type: "came", lr: 1e-3 },
  { type: "adafactor", lr: 1e-3 },
  { type: "adamw", lr: 1e-3 },
  { type: "muon", lr: 1e-3 },
] as const;
const base = tinyConfig(data);
const config: TrainConfig = {
  ...base,
  stages: base.stages.map((stage, i) => ({
    ...stage,
    steps,
    schedule: {},
    ema: i === 1 ? null : {},
    optimizer: optimizers[i] ?? { lr: 1e-3 },
  })),
};

describe("stageFootprint", () => {
  beforeAll(async () => {
    await writeTinyDataset(data);
    writeFileSync(join(root, "tiny.json"), JSON.stringify(config));
    await pixartHere("train", join(root, "tiny.json"), "--work-dir", join(root, "run"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it.each(base.stages.map(({ name }, i) => [name, i] as const))(
    "forecasts the size of stage %s's checkpoints within 2 percent",
    async (name, i) => {
      const resolved = resolveEpochs(resolveConfig(config, "tiny.json"), () => 16);
      const stage = resolved.stages[i];
      if (stage === undefined) throw new Error("no such stage");
      const { train } = stageExamples(stage, await loadTrainingData(resolved.dataset));
      const pictures = train.map(({ file }) => file);
      const shapes = await stageFootprint(resolved, stage, {
        classCount: 6,
        vocabSize: 64,
        pictures,
        heldout: 0,
      });
      const folder = join(root, "run", "checkpoints", name, "step-00000001");
      const real = readdirSync(folder).reduce(
        (sum, file) => sum + statSync(join(folder, file)).size,
        0,
      );
      const run = { id: "0".repeat(36), data: "0".repeat(64), config: resolved };
      const forecast = forecastBytes(shapes.checkpoint, {}, run);
      expect(Math.abs(forecast / real - 1)).toBeLessThan(0.02);
      using losses = readSafetensors(join(folder, "losses.safetensors"));
      const kept = [...losses.tensors].map(([key, { dtype, shape }]) => [key, { dtype, shape }]);
      expect(Object.fromEntries(shapes.checkpoint.get("losses") ?? [])).toEqual(
        Object.fromEntries(kept),
      );
    },
  );

  it("counts the pictures that an autoencoder's stage holds, as read and as a tensor", async () => {
    const resolved = resolveEpochs(resolveConfig(config, "tiny.json"), () => 16);
    const [first, second] = resolved.stages;
    if (first === undefined || second === undefined) throw new Error("no such stages");
    const facts = { classCount: 6, vocabSize: 64, pictures: ["a", "b", "c"], heldout: 2 };
    const ofFirst = await stageFootprint(resolved, first, facts);
    expect(ofFirst.memory.pictures).toBe(2 * 5 * first.resolution * first.resolution * 3);
    expect((await stageFootprint(resolved, second, facts)).memory.pictures).toBe(0);
  });

  // Counts from the released files: diffusers' PixArt-XL-2, its autoencoder and T5-XXL's encoder.
  const released = (...stages: readonly object[]): ReturnType<typeof stageFootprint> => {
    const resolved = resolveEpochs(
      resolveConfig(
        {
          ...base,
          autoencoder: {
            latentChannels: 4,
            blockOutChannels: [128, 256, 512, 512],
            layersPerBlock: 2,
            normNumGroups: 32,
          },
          textEncoder: { dModel: 4096, dKv: 64, numHeads: 64, dFf: 10240, numLayers: 24 },
          transformer: { numLayers: 28, numAttentionHeads: 16, attentionHeadDim: 72, patchSize: 2 },
          stages: [
            { ...base.stages[0], resolution: 256 },
            ...stages.map((stage) => ({ ...base.stages[2], resolution: 256, ...stage })),
          ],
        },
        "xl2.json",
      ),
      () => 1,
    );
    const last = resolved.stages.at(-1);
    if (last === undefined) throw new Error("no such stage");
    const facts = { classCount: 1000, vocabSize: 32128, pictures: [], heldout: 0 };
    return stageFootprint(resolved, last, facts);
  };

  it("knows how large the paper's model is without making it", async () => {
    const { trained, memory, latents } = await released({ trainTextEncoder: true });
    const [transformer, t5, vae] = [610_856_096, 4_762_310_656, 83_653_863];
    expect(trained).toBe(transformer + t5);
    expect(memory.gradients).toBe(4 * trained);
    expect(memory.averages).toBe(4 * trained);
    expect(memory.optimizer / memory.gradients).toBeCloseTo(2, 4);
    expect(memory.models / 4).toBeCloseTo(trained + vae, -2);
    expect(latents).toEqual({ channels: 4, size: 32 });
  });

  it("knows how large adapters of it and of its text encoder are", async () => {
    const { trained, model, memory, checkpoint, captions, encoder } = await released(
      { trainTextEncoder: true },
      {
        name: "adapters",
        trainTextEncoder: false,
        adapter: { type: "lora" },
        textEncoderAdapter: { type: "lora" },
      },
    );
    // Rank 8 on 4 layers of 1152² in each of 28 blocks' two attentions; on q and v of 4096² in each of 24 blocks.
    const [added, addedToText] = [28 * 8 * 8 * 2 * 1152, 24 * 2 * 8 * 2 * 4096];
    const [transformer, t5, vae] = [610_856_096, 4_762_310_656, 83_653_863];
    expect(trained).toBe(added + addedToText);
    expect(model).toBe(transformer);
    expect(memory.gradients).toBe(4 * trained);
    expect(memory.models / 4).toBeCloseTo(transformer + t5 + vae + trained, -2);
    expect([captions, encoder]).toEqual([null, 0]);
    const keys = [...(checkpoint.get("weights")?.keys() ?? [])];
    expect(keys).toHaveLength(2 * (28 * 8 + 24 * 2));
    expect(keys).toContain(
      "text_encoder.base_model.model.encoder.block.23.layer.0.SelfAttention.v.lora_B.weight",
    );
  });

  it("knows how large PixArt-δ's ControlNet of it is", async () => {
    const { trained, model, memory, checkpoint } = await released(
      { trainTextEncoder: true },
      { name: "controlnet", trainTextEncoder: false, controlnet: {} },
    );
    // 13 blocks of XL/2 (4 × 1152² + 4 × 1152 twice, the MLP, the table) and 14 layers of 1152² + 1152.
    const controlnet = 13 * 21_255_552 + 14 * 1_328_256;
    const [transformer, t5, vae] = [610_856_096, 4_762_310_656, 83_653_863];
    expect(trained).toBe(controlnet);
    expect(model).toBe(transformer);
    expect(memory.models / 4).toBeCloseTo(transformer + t5 + vae + controlnet, -2);
    const keys = [...(checkpoint.get("weights")?.keys() ?? [])];
    expect(new Set(keys.map((key) => key.split(".")[0]))).toEqual(
      new Set(["controlnet", "text_encoder"]),
    );
  });
});
