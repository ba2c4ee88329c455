import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configFromJson, type TextToImageStageConfig } from "../../src/config/index.ts";
import { World } from "../../src/distributed/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import type { StageListener, StageState } from "../../src/training/loop/stage-listener.ts";
import { StageLoop } from "../../src/training/loop/stage-loop.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { prepareStage } from "../../src/training/prepare-stage.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const STEPS = 24;
const folder = mkdtempSync(join(tmpdir(), "pixart-resume-steps-"));
beforeAll(() => writeTinyDataset(join(folder, "data")));
afterAll(() => rmSync(folder, { recursive: true }));

/** A moment of a run: what its checkpoint holds, copied, and the hash of all of it. */
interface Moment {
  readonly state: StageState;
  readonly hash: string;
  readonly loss: number;
}

function momentOf({ step, groups, state }: StageState, loss: number): Moment {
  const hash = createHash("sha256").update(JSON.stringify(state));
  const copies = new Map(
    [...groups].map(([name, tensors]) => [
      name,
      new Map(
        [...tensors].map(([key, tensor]) => {
          hash.update(`${name}/${key}`).update(tensor.toBytes());
          return [key, torch.noGrad(() => torch.keep(tensor.detach().clone()))];
        }),
      ),
    ]),
  );
  return {
    state: { step, groups: copies, state: structuredClone(state) },
    hash: hash.digest("hex"),
    loss,
  };
}

/** Runs a loop to its end, or `until` a step, and gives every moment that it saved. */
async function moments(loop: StageLoop, until: number): Promise<Moment[]> {
  const saved: Moment[] = [];
  let loss = Number.NaN;
  const listener: StageListener = {
    onStep: (report) => {
      loss = report.loss;
    },
    onWarning: (message) => {
      throw new Error(message);
    },
    onSample: async () => {},
    onValidation: () => {},
    onCheckpoint: async (state) => {
      saved.push(momentOf(state, loss));
    },
    shouldStop: () => loop.step >= until,
  };
  await loop.run(listener);
  return saved;
}

const common = {
  kind: "text-to-image",
  name: "captions",
  resolution: 16,
  batchSize: 3, // of 16 pictures: passes end in the middle of batches
  steps: STEPS,
  optimizer: { lr: 1e-3 },
  schedule: { type: "cosine", warmupSteps: 5 },
  checkpointEvery: 1,
  sampleEvery: null,
} as const;

const stages: readonly [string, TextToImageStageConfig, object][] = [
  ["accumulated gradients, averages, dropped captions", { ...common, gradientAccumulation: 2 }, {}],
  [
    "an adapter under recomputed activations, mirrored and cropped at random, encoders in every step",
    {
      ...common,
      adapter: { type: "lora", r: 2 },
      ema: null,
      gradientCheckpointing: true,
      transform: { crop: "random", horizontalFlip: 0.5 },
    },
    { cache: { latents: false, texts: false } },
  ],
  [
    "a text encoder that trains in bfloat16, with offset noise and biased timesteps",
    {
      ...common,
      trainTextEncoder: true,
      precision: "bfloat16",
      loss: { type: "epsilon", minSnrGamma: 5 },
      noise: { type: "offset" },
      timesteps: { type: "later" },
    },
    {},
  ],
];

it.each(stages)(
  `goes on from each of ${STEPS} steps to the same bits: %s`,
  async (_, stageConfig, dataset) => {
    torch.setThreads(1);
    const from = (subfolder: string) => ({ pretrained: BASE, subfolder });
    const config = configFromJson(
      JSON.stringify({
        seed: 11,
        dataset: { folder: join(folder, "data"), ...dataset },
        autoencoder: from("vae"),
        tokenizer: { ...from("tokenizer"), maxLength: 64 },
        textEncoder: from("text_encoder"),
        transformer: { numLayers: 2, numAttentionHeads: 2, attentionHeadDim: 8 },
        stages: [stageConfig],
        sampling: { prompts: ["a ball"], steps: 1 },
      }),
      "tiny.json",
    );
    const stage = config.stages[0];
    if (stage === undefined) throw new Error("expected a stage");
    const task = await prepareStage(
      {
        config,
        data: await loadTrainingData(config.dataset),
        tokenizer: await T5Tokenizer.fromPretrained(BASE, { subfolder: "tokenizer" }),
        world: World.solo,
        models: new RunModelLoader(config, join(folder, "checkpoints")),
        cache: join(folder, "cache"),
        onWarning: (message) => {
          throw new Error(message);
        },
      },
      stage,
    );
    const straight = await moments(new StageLoop(config.seed, stage, task), STEPS);
    expect(straight).toHaveLength(STEPS);
    expect(new Set(straight.map(({ hash }) => hash)).size).toBe(STEPS);
    // Each step from a restored moment gives the next moment: so does every longer way.
    for (const [i, { state }] of straight.entries()) {
      const loop = new StageLoop(config.seed, stage, task);
      loop.restore(state);
      const goal = i === 0 || i === STEPS >> 1 ? STEPS : i + 2; // two of them go all the way
      const found = await moments(loop, goal);
      const wanted = straight.slice(i + 1, goal).map(({ hash, loss }) => [hash, loss]);
      // A stage that was stopped at its end does what is due there, and saves the same again.
      if (i === STEPS - 1) wanted.push([straight[i]?.hash ?? "", Number.NaN]);
      expect(found.map(({ hash, loss }) => [hash, loss])).toEqual(wanted);
      loop.dispose();
    }
    task.dispose();
  },
);
