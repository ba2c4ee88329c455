import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { writeTinyDataset } from "../../../test/fixtures/tiny-dataset.ts";
import { configFromJson } from "../../config/index.ts";
import { UnreadableLimit } from "../../data/unreadable-limit.ts";
import { RgbImage } from "../../images/index.ts";
import * as torch from "../../torch/index.ts";
import { loadTrainingData } from "../dataset/training-data.ts";
import { pixelsOf } from "../features/latents.ts";
import { buildAutoencoder } from "../models/models.ts";
import { AutoencoderTask } from "./autoencoder.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-autoencoder-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("scales latents to unit variance, and lets other work run while that is measured", async () => {
  await writeTinyDataset(folder);
  const config = configFromJson(JSON.stringify(tinyConfig(folder)), "tiny.json");
  const [stage] = config.stages;
  if (stage?.kind !== "autoencoder") throw new Error("expected an autoencoder's stage");
  const data = await loadTrainingData(config.dataset);
  const vae = await buildAutoencoder(config);
  const task = await AutoencoderTask.create(vae, stage, data, {
    limit: new UnreadableLimit({ share: 0, pictures: data.train.length + data.heldout.length }),
    warn: () => {},
  });
  let hasRun = false;
  setImmediate(() => {
    hasRun = true;
  });
  const { scalingFactor = 0 } = await task.facts();
  expect(hasRun).toBe(true);
  // Var(mean + deviation * noise), by its definition, in double precision.
  const [means, variances]: [number[], number[]] = [[], []];
  for (const { read, path } of data.train) {
    const image = await RgbImage.decode(await read(), { name: path });
    const square = await image.resize(stage.resolution, stage.resolution, "lanczos3", "cover");
    torch.noGrad(() =>
      torch.tidy(() => {
        const { mean, logvar } = vae.encode(pixelsOf([square]));
        means.push(...mean.toFloat32Array());
        variances.push(...logvar.exp().toFloat32Array());
      }),
    );
  }
  const averageOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const center = averageOf(means);
  const spread = averageOf(means.map((mean) => (mean - center) ** 2)) + averageOf(variances);
  expect(scalingFactor * Math.sqrt(spread)).toBeCloseTo(1, 5);
  task.dispose();
});
