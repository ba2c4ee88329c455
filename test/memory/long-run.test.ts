import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { configFromJson } from "../../src/config/index.ts";
import { UnreadableLimit } from "../../src/data/unreadable-limit.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { DPMSolverMultistepScheduler, NoiseSchedule } from "../../src/schedulers/index.ts";
import { prepareCaption, T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { LiveCaptions } from "../../src/training/features/captions.ts";
import { LatentStore } from "../../src/training/features/latent-store.ts";
import { Latents } from "../../src/training/features/latents.ts";
import { StageLoop } from "../../src/training/loop/stage-loop.ts";
import {
  buildAutoencoder,
  buildTextEncoder,
  buildTransformer,
} from "../../src/training/models/models.ts";
import { TextToImageTask } from "../../src/training/stages/text-to-image.ts";
import { collectGarbage } from "../collect-garbage.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { tries } from "../reliability/counts.ts";

const STEPS = tries(2_000, 10_000);
const PICTURES = tries(200, 2_000);
/** Short runs are measured less exactly. */
const GROWTH = tries(1.03, 1.02);
const WARM_UP = 0.25;

const folder = mkdtempSync(join(tmpdir(), "pixart-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

it(`${STEPS} training steps and ${PICTURES} pictures leave memory as it was after the warm-up`, async () => {
  await writeTinyDataset(folder);
  const config = configFromJson(JSON.stringify(tinyConfig(folder)), "tiny");
  const stage = config.stages[2];
  if (stage?.kind !== "text-to-image") throw new Error("expected a text-to-image stage");
  const data = await loadTrainingData(config.dataset);
  const examples = { train: data.train, heldout: data.heldout };
  const tokenizer = T5Tokenizer.fromCaptions(
    data.train.map((e) => e.denseCaption),
    { vocabSize: 64 },
  );
  const vae = (await buildAutoencoder(config)).requiresGrad_(false);
  const made = { stage, vae, warn: () => {} };
  using store = await LatentStore.open(join(folder, "cache"), made);
  const latentsOf = (list: typeof data.train): Promise<Latents> =>
    Latents.open({
      ...{ ...made, examples: list, store },
      limit: new UnreadableLimit({ share: 0, pictures: list.length }),
    });
  const textEncoder = await buildTextEncoder(config, tokenizer.vocabSize);
  const scheduler = DPMSolverMultistepScheduler.fromConfig({});
  const latentShape = { channels: 4, size: 8 };
  const transformer = await buildTransformer(config, stage, latentShape, async () => 16);
  const task = new TextToImageTask(stage, {
    transformer,
    adapter: undefined,
    textEncoder,
    tokenizer,
    vae,
    latents: { train: await latentsOf(data.train), heldout: await latentsOf(data.heldout) },
    captions: new LiveCaptions(textEncoder, tokenizer, 32),
    prepare: prepareCaption,
    noise: NoiseSchedule.linear(),
    scheduler,
    examples,
    config,
  });
  const loop = new StageLoop(
    0,
    { ...stage, batchSize: 4, steps: STEPS, checkpointEvery: STEPS + 1 },
    task,
  );

  const counts: number[] = [];
  const rss: number[] = [];
  const note = (): void => {
    counts.push(torch.memory().tensors);
    // What a collection would give back is no leak; when V8 gets to it depends on what else the machine does.
    collectGarbage();
    rss.push(torch.memory().rss);
  };
  await loop.run({
    onStep: ({ step }) => {
      if (step % 100 === 0) note();
    },
    onWarning: () => {},
    onSample: async () => {},
    onValidation: () => {},
    onCheckpoint: async () => {},
    shouldStop: () => false,
  });
  expectFlat(counts, rss);

  const pipe = PixArtAlphaPipeline.create({
    transformer,
    textEncoder,
    tokenizer,
    vae,
    scheduler,
  });
  counts.length = 0;
  rss.length = 0;
  for (let i = 0; i < PICTURES; i++) {
    await pipe("a ball, red style", {
      width: 16,
      height: 16,
      numInferenceSteps: 2,
      generator: torch.generator(i),
    });
    await nextTurn();
    if (i % 10 === 9) note();
  }
  expectFlat(counts, rss);
}, 7_200_000);

/** No more tensors, and hardly more memory, than once the warm-up was over. */
function expectFlat(counts: readonly number[], rss: readonly number[]): void {
  const first = Math.ceil(counts.length * WARM_UP);
  expect(counts.length - first).toBeGreaterThanOrEqual(10);
  expect(Math.max(...counts.slice(first))).toBe(Math.min(...counts.slice(first)));
  const last = rss.at(-1) ?? Number.NaN;
  expect(last / (rss[first] ?? 0)).toBeLessThan(GROWTH);
}
