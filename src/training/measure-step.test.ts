import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { writeTinyDataset } from "../../test/fixtures/tiny-dataset.ts";
import { resolveConfig } from "../config/index.ts";
import { PixArtTransformer2DModel } from "../models/index.ts";
import { measureStep } from "./measure-step.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-measure-step-"));
afterAll(() => rmSync(root, { recursive: true }));

it("does five steps and draws before and after them, but doesn't validate", async () => {
  const folder = join(root, "data");
  await writeTinyDataset(folder); // 2 of 18 are held out
  const config = resolveConfig(
    {
      base: fileURLToPath(new URL("../../models/emoji-demo", import.meta.url)),
      threads: 1,
      dataset: { folder },
      stages: [
        {
          ...{ kind: "text-to-image", name: "style", resolution: 64, batchSize: 1, steps: 20 },
          ...{ optimizer: { lr: 1e-4 }, validateEvery: 4 },
        },
      ],
      sampling: { prompts: ["a fox", "an owl"], steps: 3 },
    },
    "test",
  );
  const passes = vi.spyOn(PixArtTransformer2DModel.prototype, "call");
  const seconds = await measureStep({ ...config, workDir: join(root, "run") }, () => {});
  expect(seconds).toBeGreaterThan(0);
  expect(passes).toHaveBeenCalledTimes(5 + 2);
  expect(readdirSync(root)).toEqual(["data"]);
});
