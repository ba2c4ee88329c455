import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { resolveConfig, type TrainConfig } from "../../src/config/index.ts";
import { AutoencoderKL } from "../../src/models/index.ts";
import { autoencoderFromRun } from "../../src/training/run-pipeline.ts";
import { train } from "../../src/training/train.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-autoencoder-run-"));
const run = join(folder, "run");
const out = join(folder, "published");
const data = join(folder, "data");
const quiet = { resume: false, resumeCommand: "", say: (): void => {} };
const trained = (config: TrainConfig) => train(resolveConfig(config, "tiny"), quiet);

beforeAll(async () => {
  await writeTinyDataset(data);
  const config = tinyConfig(data);
  const stages = config.stages.filter(({ kind }) => kind === "autoencoder");
  expect(await trained({ ...config, workDir: run, stages })).toMatchObject({ finished: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

it("refuses what a run of an autoencoder alone has not", async () => {
  await expect(pixartHere("publish", run, out, "--save-keys", "transformer")).rejects.toThrow(
    "Expected --save-keys vae, --dtype or nothing for a run that trained an autoencoder alone but received --save-keys transformer",
  );
  await expect(pixartHere("publish", run, out, "--raw")).rejects.toThrow(/but received --raw$/);
  await expect(pixartHere("publish", "other", run, out)).rejects.toThrow(
    `Expected tiny, the config that ${run} was trained with, for the config but received other`,
  );
});

it("publishes the averaged weights, on whose latents another run trains", async () => {
  const { stdout } = await pixartHere("publish", run, out, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ folder: out, components: ["vae"], dtype: "float32" });
  const own = await autoencoderFromRun(run);
  const vae = await AutoencoderKL.fromPretrained(out, { subfolder: "vae" });
  expect(vae.config.scalingFactor).toBe(own?.vae.config.scalingFactor);
  for (const [key, tensor] of vae.stateDict())
    expect(own?.vae.stateDict().get(key)?.equal(tensor), key).toBe(true);
  own?.vae.dispose();
  vae.dispose();

  const config = tinyConfig(data);
  const stages = config.stages.filter(({ kind }) => kind !== "autoencoder").slice(0, 1);
  const next = { ...config, workDir: join(folder, "next"), stages };
  const autoencoder = { pretrained: out, subfolder: "vae" };
  expect(await trained({ ...next, autoencoder })).toMatchObject({ finished: true });
});
