import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { pretrainedConfig, writeTinyEncoders } from "../../test/fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../../test/fixtures/tiny-dataset.ts";
import { configFromJson } from "../config/index.ts";
import { FeatureStore } from "../data/feature-store.ts";
import { World } from "../distributed/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import type { StageTask } from "./contract/stage-task.ts";
import { captionsOfExample } from "./dataset/example-captions.ts";
import { loadTrainingData } from "./dataset/training-data.ts";
import { RunModelLoader } from "./models/run-model-loader.ts";
import { prepareStage } from "./prepare-stage.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-prepare-"));
const encoders = join(folder, "encoders");
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  await writeTinyEncoders(encoders, ["a ball, red style", "a ring, blue style"]);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A stage on frozen encoders, ready for its first step, and how many captions its pictures have. */
async function prepared(
  maxLength: number,
  onWarning: (message: string) => void,
): Promise<{ task: StageTask; captions: number }> {
  const given = pretrainedConfig(join(folder, "data"), encoders, null);
  const config = configFromJson(
    JSON.stringify({ ...given, tokenizer: { ...given.tokenizer, maxLength } }),
    "tiny.json",
  );
  const [stage] = config.stages;
  if (stage === undefined) throw new Error("expected a stage");
  const data = await loadTrainingData(config.dataset);
  const task = await prepareStage(
    {
      config,
      data,
      tokenizer: await T5Tokenizer.fromPretrained(encoders, { subfolder: "tokenizer" }),
      world: World.solo,
      models: new RunModelLoader(config, join(folder, "checkpoints")),
      cache: join(folder, "cache"),
      onWarning,
    },
    stage,
  );
  const captions = new Set([...data.train, ...data.heldout].flatMap(captionsOfExample));
  return { task, captions: captions.size };
}

it("opens each cache once, and closes it with the stage", async () => {
  const opened = vi.spyOn(FeatureStore, "open");
  const { task } = await prepared(64, () => {});
  const folders = opened.mock.calls.map(([place]) => place);
  expect(folders.map((place) => basename(place).split("-")[0])).toEqual(["latents", "captions"]);
  for (const [i, place] of folders.entries()) {
    const store: FeatureStore = await opened.mock.results[i]?.value;
    const [key = ""] = await FeatureStore.keysIn(place);
    store.get(key).dispose();
  }
  task.dispose();
  for (const [i, place] of folders.entries()) {
    const store: FeatureStore = await opened.mock.results[i]?.value;
    const [key = ""] = await FeatureStore.keysIn(place);
    expect(() => store.get(key)).toThrow("but close() was called before");
  }
});

it("counts long captions one by one", async () => {
  const encode = vi.spyOn(T5Tokenizer.prototype, "encode");
  const warnings: string[] = [];
  const { task, captions } = await prepared(8, (message) => warnings.push(message));
  expect(Math.max(...encode.mock.calls.map(([texts]) => texts.length))).toBe(1);
  expect(warnings).toEqual([
    expect.stringMatching(
      new RegExp(
        `^\\d+ of ${captions} captions are longer than 8 tokens; the rest is not learned, such as ".+"\\. Raise tokenizer\\.maxLength to keep it$`,
      ),
    ),
  ]);
  task.dispose();
});
