import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configFromJson, type ResolvedConfig } from "../../src/config/index.ts";
import { UnreadableLimit } from "../../src/data/unreadable-limit.ts";
import {
  PixArtControlNetAdapterModel,
  PixArtControlNetTransformerModel,
} from "../../src/models/index.ts";
import { publishControlNet } from "../../src/pipelines/published/publish.ts";
import { NoiseSchedule } from "../../src/schedulers/index.ts";
import { prepareCaption, T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { SampleOrder, SampleRng } from "../../src/training/contract/sample-rng.ts";
import { unprefixed } from "../../src/training/contract/stage-task.ts";
import type { Condition } from "../../src/training/dataset/picture-source.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { FrozenCaptions, openCaptionStore } from "../../src/training/features/captions.ts";
import { LatentStore } from "../../src/training/features/latent-store.ts";
import { Latents } from "../../src/training/features/latents.ts";
import { StageLoop } from "../../src/training/loop/stage-loop.ts";
import { frozenTextEncoder } from "../../src/training/models/models.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { samplerFor } from "../../src/training/stages/denoising.ts";
import { TextToImageTask } from "../../src/training/stages/text-to-image.ts";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { runPython } from "./python.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const [STEPS, BATCH, SEED] = [6, 4, 3];
const OPTIMIZER = { lr: 1e-4, weightDecay: 0.03, eps: 1e-4 };
const CLIP = 0.5;
const folder = mkdtempSync(join(tmpdir(), "pixart-controlnet-training-parity-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const config: ResolvedConfig = configFromJson(
  JSON.stringify({
    seed: SEED,
    base: BASE,
    dataset: { folder: at("data"), captionDropout: 0, denseCaptionProbability: 0 },
    stages: [
      {
        kind: "text-to-image",
        name: "control",
        resolution: 32,
        batchSize: BATCH,
        steps: STEPS,
        optimizer: OPTIMIZER,
        gradientClip: CLIP,
        ema: null,
        controlnet: { blocks: 2, condition: "edges" },
        gradientCheckpointing: true,
        transform: { horizontalFlip: 0.5 },
      },
    ],
    sampling: { prompts: ["a ball"], steps: 1 },
  }),
  "tiny.json",
);

/** Steps of the trainer; what each computes on is written to `batches`, the first weights to `first`, the last to `published`. */
async function train() {
  const stage = config.stages[0];
  const { textEncoder } = config;
  if (stage?.kind !== "text-to-image" || !("pretrained" in textEncoder))
    throw new Error("expected a text-to-image stage of a released model");
  const { train: examples } = await loadTrainingData(config.dataset);
  const tokenizer = await T5Tokenizer.fromPretrained(BASE, { subfolder: "tokenizer" });
  const models = new RunModelLoader(config, at("checkpoints"));
  const vae = await models.autoencoder();
  const { transformer, controlnet } = await models.startTextToImage(stage, vae, tokenizer);
  if (controlnet === undefined) throw new Error("expected a ControlNet");
  const warn = (message: string): never => {
    throw new Error(message);
  };
  const encoder = frozenTextEncoder(textEncoder, stage);
  using pictures = await LatentStore.open(at("cache"), { vae, stage, warn });
  using captionStore = await openCaptionStore(encoder, at("cache"), warn);
  const shared = {
    stage,
    vae,
    store: pictures,
    limit: new UnreadableLimit({ share: 0, pictures: examples.length }),
    warn,
  };
  const open = (control?: Condition): Promise<Latents> =>
    Latents.open({ ...shared, examples, control });
  const [latents, controls] = [await open(), await open("edges")];
  const captions = await FrozenCaptions.open({
    encoder,
    tokenizer,
    maxLength: 64,
    texts: examples.map(({ shortCaption }) => prepareCaption(shortCaption)),
    prompts: ["a ball", ""],
    store: captionStore,
  });
  const task = new TextToImageTask(stage, {
    transformer,
    adapter: undefined,
    control: { controlnet, latents: { train: controls, heldout: controls } },
    textEncoder: undefined,
    tokenizer,
    vae,
    latents: { train: latents, heldout: latents },
    captions,
    prepare: prepareCaption,
    noise: NoiseSchedule.linear(),
    scheduler: samplerFor(stage.loss),
    examples: { train: examples, heldout: [] },
    config,
  });
  mkdirSync(at("batches"));
  const order = new SampleOrder(SEED, "control/order", examples.length);
  for (let step = 0; step < STEPS; step++) {
    const positions = Array.from({ length: BATCH }, (_, i) => step * BATCH + i);
    const ids = positions.map((position) => order.at(position));
    const draws = new SampleRng(SEED, "control", positions);
    const seen = latents.see(ids, draws);
    const [pictures, shown] = [await latents.loadSeen(seen), await controls.loadSeen(seen)];
    const tensors = torch.tidy(() => {
      const original = latents.draw(pictures, draws);
      const condition = controls.draw(shown, new SampleRng(SEED, "control/control", positions));
      draws.uniform(); // whether a caption is dropped
      const texts = ids.map((id) => prepareCaption(examples[id]?.shortCaption ?? ""));
      const { states, mask } = captions.states(texts);
      const timesteps = torch.tensor(draws.integers(1000), { dtype: "int64" });
      const noise = draws.normal(latents.shape);
      return Object.entries({ original, condition, states, mask, timesteps, noise }).map(
        ([name, tensor]) => [name, torch.keep(tensor)] as const,
      );
    });
    await writeSafetensors(at(`batches/${step}.safetensors`), new Map(tensors));
    for (const [, tensor] of tensors) tensor.dispose();
  }
  await controlnet.savePretrained(at("first"));
  const loop = new StageLoop(SEED, stage, task);
  const [losses, norms]: [number[], number[]] = [[], []];
  await loop.run({
    onStep: ({ loss, gradNorm }) => {
      losses.push(loss);
      norms.push(gradNorm);
    },
    onWarning: warn,
    onSample: async () => {},
    onValidation: () => {},
    onCheckpoint: async () => {},
    shouldStop: () => false,
  });
  await publishControlNet(controlnet, at("published"), { dtype: "float32" });
  const weights = unprefixed("controlnet", loop.tensors().get("weights") ?? new Map());
  return { losses, norms, weights, transformer };
}

const distance = (actual: torch.Tensor, expected: torch.Tensor, size = expected): number =>
  torch.tidy(() => actual.detach().sub(expected).norm().item() / size.norm().item());

let ours: Awaited<ReturnType<typeof train>>;
let python: { readonly losses: readonly number[]; readonly norms: readonly number[] };
beforeAll(async () => {
  torch.setThreads(1);
  await writeTinyDataset(at("data"));
  ours = await train();
  python = (await runPython(
    join(dirname(fileURLToPath(import.meta.url)), "controlnet-training.py"),
    {
      base: BASE,
      first: at("first"),
      published: at("published"),
      steps: STEPS,
      batches: at("batches"),
      optimizer: { lr: OPTIMIZER.lr, weight_decay: OPTIMIZER.weightDecay, eps: OPTIMIZER.eps },
      clip: CLIP,
      out: at("out.safetensors"),
    },
  )) as typeof python;
});

it("has Python's losses and gradient norms", () => {
  for (const kind of ["losses", "norms"] as const) {
    expect(ours[kind]).toHaveLength(STEPS);
    for (const [step, value] of python[kind].entries())
      expect(
        Math.abs((ours[kind][step] ?? Number.NaN) / value - 1),
        `${kind} ${step}`,
      ).toBeLessThan(1e-6);
  }
});

it("leaves the transformer without gradients", () => {
  for (const [key, weight] of ours.transformer.namedParameters())
    expect(weight.requiresGrad || weight.grad !== undefined, key).toBe(false);
});

it("ends with Python's weights", () => {
  using file = readSafetensors(at("out.safetensors"));
  const { output: _, ...expected } = Object.fromEntries(
    [...file.tensors.keys()].map((key) => [key, file.tensor(key)]),
  );
  expect([...ours.weights.keys()].toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [key, tensor] of ours.weights) {
    // A bias on attention keys shifts all logits of a query alike: its gradient is rounding, and it is measured against the
    // weight beside it. What began at zero is the sum of the updates, and has their rounding alone.
    const beside = expected[key.replace(/to_k\.bias$/, "to_k.weight")];
    const tolerance = /(before|after)_proj/.test(key) ? 5e-6 : 1e-6;
    expect(distance(tensor, expected[key] as torch.Tensor, beside), key).toBeLessThan(tolerance);
  }
});

it("publishes what Python then draws with", async () => {
  using file = readSafetensors(at("out.safetensors"));
  using batch = readSafetensors(at(`batches/${STEPS - 1}.safetensors`));
  const controlnet = await PixArtControlNetAdapterModel.fromPretrained(at("published"));
  const model = new PixArtControlNetTransformerModel(ours.transformer, controlnet);
  const inputs = {
    encoderHiddenStates: batch.tensor("states"),
    encoderAttentionMask: batch.tensor("mask"),
    timestep: batch.tensor("timesteps"),
  };
  const x = batch.tensor("original");
  torch.noGrad(() =>
    torch.tidy(() => {
      const led = model.call(x, { ...inputs, controlnetCond: batch.tensor("condition") });
      expect(distance(led, file.tensor("output"))).toBeLessThan(1e-6);
      expect(distance(model.call(x, inputs), file.tensor("output"))).toBeGreaterThan(1e-4);
    }),
  );
});
