import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResolvedConfig, TrainConfig } from "../../src/config/index.ts";
import { configFromJson } from "../../src/config/index.ts";
import { resolveConfig } from "../../src/config/resolve-config.ts";
import { World } from "../../src/distributed/index.ts";
import { readPictureMetadata } from "../../src/images/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { SampleRng } from "../../src/training/contract/sample-rng.ts";
import type { StageTask } from "../../src/training/contract/stage-task.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { drawClassPictures } from "../../src/training/features/class-pictures.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { prepareStage } from "../../src/training/prepare-stage.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { train } from "../../src/training/train.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-dreambooth-"));
const classFolder = join(folder, "class");
const PROMPT = "a ball";
afterAll(() => rmSync(folder, { recursive: true }));

const configOf = (dataset: Partial<TrainConfig["dataset"]>, priorLossWeight = 1): TrainConfig => ({
  name: "thing",
  seed: 2,
  threads: 1,
  base: BASE,
  dataset: {
    folder: join(folder, "data"),
    instancePrompt: "a sks ball",
    captionDropout: 0,
    ...dataset,
  },
  stages: [
    {
      kind: "text-to-image",
      name: "thing",
      resolution: 32,
      batchSize: 2,
      steps: 7,
      loss: { type: "v" },
      optimizer: { lr: 1e-3 },
      adapter: { type: "lora" },
      ema: null,
      checkpointEvery: 3,
      keepCheckpoints: 9,
      sampleEvery: null,
      priorLossWeight,
    },
  ],
  sampling: { prompts: ["a sks ball"], steps: 2, guidanceScale: 2 },
});

const withClass = { classFolder, classPrompt: PROMPT, classImages: 3 };
const resolved = (config: TrainConfig): ResolvedConfig =>
  configFromJson(JSON.stringify(config), "thing.json");

beforeAll(() => writeTinyDataset(join(folder, "data")));

describe("class pictures", () => {
  const config = resolveConfig(configOf(withClass), "thing.json");
  const bytes = (): string[] =>
    readdirSync(classFolder)
      .toSorted()
      .map((name) => `${name} ${readFileSync(join(classFolder, name)).toString("base64")}`);
  const draw = async (): Promise<string[]> => {
    const lines: string[] = [];
    await drawClassPictures(config, (line) => lines.push(line));
    return lines;
  };

  it("are drawn until there are so many, each from its own seed", async () => {
    expect(await draw()).toEqual([
      `Class pictures: ${classFolder} has 0 of 3; drawing 3 of "a ball" with ${BASE}`,
    ]);
    expect(readdirSync(classFolder).toSorted()).toEqual([
      "class-00000.png",
      "class-00001.png",
      "class-00002.png",
    ]);
    const record = await readPictureMetadata(join(classFolder, "class-00002.png"));
    expect(record).toMatchObject({ prompt: PROMPT, seed: 2, steps: 2, width: 32, height: 32 });
  });

  it("go on where an interrupted call was, with the same pictures", async () => {
    const all = bytes();
    rmSync(join(classFolder, "class-00001.png"));
    expect(await draw()).toHaveLength(1);
    expect(bytes()).toEqual(all);
    expect(await draw()).toEqual([]);
  });

  it("of another prompt are not trained on", async () => {
    const changed = resolveConfig(configOf({ ...withClass, classPrompt: "a box" }), "thing.json");
    await expect(drawClassPictures(changed, () => {})).rejects.toThrow(
      `${join(classFolder, "class-00000.png")}: expected a picture of dataset.classPrompt "a box" but found one that was drawn from "a ball"; delete such pictures, or name another dataset.classFolder`,
    );
  });
});

/** The stage of a config, ready for its first step. */
async function taskOf(config: ResolvedConfig): Promise<StageTask> {
  const [stage] = config.stages;
  if (stage === undefined) throw new Error("expected a stage");
  return prepareStage(
    {
      config,
      data: await loadTrainingData(config.dataset),
      tokenizer: await T5Tokenizer.fromPretrained(BASE, { subfolder: "tokenizer" }),
      world: World.solo,
      models: new RunModelLoader(config, join(folder, "none")),
      cache: join(folder, "cache"),
      onWarning: (message) => {
        throw new Error(message);
      },
    },
    stage,
  );
}

/** The loss of the batch at these positions, and the losses of its samples. */
async function lossAt(
  config: TrainConfig,
  positions: readonly number[],
  isMeasured = false,
): Promise<{ loss: number; samples: number[] }> {
  const task = await taskOf(resolved(config));
  try {
    const draws = new SampleRng(2, "thing", positions);
    const batch = await task.load({ split: "train", index: 0, ids: [0, 1], draws, isMeasured });
    return torch.noGrad(() =>
      torch.tidy(() => {
        const { loss, samples } = batch.loss();
        expect(samples.timesteps).toHaveLength(2);
        return { loss: loss.item(), samples: [...samples.values.toFloat32Array()] };
      }),
    );
  } finally {
    task.dispose();
  }
}

describe("prior preservation", () => {
  it("is the mean over both halves, with the class pictures' losses weighed", async () => {
    const alone = await lossAt(configOf({}), [0, 1]);
    const none = await lossAt(configOf(withClass, 0), [0, 1]);
    const one = await lossAt(configOf(withClass), [0, 1]);
    const half = await lossAt(configOf(withClass, 0.5), [0, 1]);
    // Captions of both halves are padded to one length, which sums may be rounded by.
    expect(none.loss).toBeCloseTo(alone.loss / 2, 6);
    expect(one.loss).toBeGreaterThan(none.loss);
    expect(half.loss - none.loss).toBeCloseTo((one.loss - none.loss) / 2, 6);
    expect(one.samples).toHaveLength(2);
    for (const [i, loss] of one.samples.entries())
      expect(loss).toBeCloseTo(alone.samples[i] ?? 0, 5);
  });

  it("stays out of the losses that are only measured", async () => {
    const measured = await lossAt(configOf(withClass), [0, 1], true);
    expect(measured).toEqual(await lossAt(configOf({}), [0, 1]));
  });

  it("draws the class pictures and their noise by position", async () => {
    const losses = [];
    for (const positions of [
      [0, 1],
      [2, 3],
      [0, 1],
    ])
      losses.push((await lossAt(configOf(withClass), positions)).loss);
    expect(losses[2]).toBe(losses[0]);
    expect(losses[1]).not.toBe(losses[0]);
  });
});

describe("a DreamBooth run", () => {
  const straight = join(folder, "straight");
  const broken = join(folder, "broken");
  const run = async (workDir: string, resume: boolean): Promise<string[]> => {
    const lines: string[] = [];
    const config = { ...resolveConfig(configOf(withClass), "thing.json"), workDir };
    await train(config, { resume, resumeCommand: "", say: (line) => lines.push(line) });
    return lines;
  };
  const last = (workDir: string): unknown =>
    JSON.parse(readFileSync(join(workDir, "checkpoints/thing/step-00000007/manifest.json"), "utf8"))
      .files;
  const losses = (workDir: string): unknown =>
    readEvents(join(workDir, "events.jsonl")).flatMap((event) =>
      event.type === "step" ? [[event.step, event.loss, event.gradNorm]] : [],
    );

  it("resumed from step 3 ends with the same adapter, moments and losses to the last bit", async () => {
    await run(straight, false);
    cpSync(straight, broken, { recursive: true });
    for (const step of ["step-00000006", "step-00000007"])
      rmSync(join(broken, "checkpoints/thing", step), { recursive: true });
    rmSync(join(broken, "cache"), { recursive: true });
    expect(await run(broken, true)).toContain('Continuing with stage "thing" after step 3');
    expect(last(broken)).toEqual(last(straight));
    expect(losses(broken)).toEqual(losses(straight));
  });
});
