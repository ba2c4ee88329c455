import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { pretrainedConfig, writeTinyEncoders } from "../../test/fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../../test/fixtures/tiny-dataset.ts";
import { configFromJson } from "../config/index.ts";
import { FeatureStore } from "../data/feature-store.ts";
import { World } from "../distributed/index.ts";
import { T5Tokenizer } from "../text/index.ts";
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

it("opens each cache once, and counts long captions one by one", async () => {
  const given = pretrainedConfig(join(folder, "data"), encoders, null);
  const config = configFromJson(
    JSON.stringify({ ...given, tokenizer: { ...given.tokenizer, maxLength: 8 } }),
    "tiny.json",
  );
  const [stage] = config.stages;
  if (stage === undefined) throw new Error("expected a stage");
  const data = await loadTrainingData(config.dataset);
  const tokenizer = await T5Tokenizer.fromPretrained(encoders, { subfolder: "tokenizer" });
  const opened = vi.spyOn(FeatureStore, "open");
  const encode = vi.spyOn(tokenizer, "encode");
  const warnings: string[] = [];
  const task = await prepareStage(
    {
      config,
      data,
      tokenizer,
      world: World.solo,
      models: new RunModelLoader(config, join(folder, "checkpoints")),
      cache: join(folder, "cache"),
      onWarning: (message) => warnings.push(message),
    },
    stage,
  );
  const kinds = opened.mock.calls.map(([place]) => basename(place).split("-")[0]);
  expect(kinds).toEqual(["latents", "captions"]);
  expect(Math.max(...encode.mock.calls.map(([texts]) => texts.length))).toBe(1);
  const captions = new Set([...data.train, ...data.heldout].flatMap(captionsOfExample));
  expect(warnings).toEqual([
    expect.stringMatching(
      new RegExp(
        `^\\d+ of ${captions.size} captions are longer than 8 tokens; the rest is not learned, such as ".+"\\. Raise tokenizer\\.maxLength to keep it$`,
      ),
    ),
  ]);
  const stores = await Promise.all(opened.mock.results.map(({ value }) => value as FeatureStore));
  const [latents] = stores;
  const [key = ""] = await FeatureStore.keysIn(opened.mock.calls[0]?.[0] ?? "");
  latents?.get(key).dispose();
  task.dispose();
  expect(() => latents?.get(key)).toThrow("but close() was called before");
});
