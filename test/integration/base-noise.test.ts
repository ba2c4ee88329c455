import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import type { TrainConfig } from "../../src/config/index.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const SHIPPED = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-base-noise-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** The loss of one step on a base whose scheduler file has these changes. */
async function lossOn(name: string, changes: object): Promise<number | undefined> {
  const base = at(`${name}-base`);
  cpSync(SHIPPED, base, { recursive: true });
  const file = join(base, "scheduler", "scheduler_config.json");
  const text = readFileSync(file, "utf8").replace(/.*-Infinity,\n/, "");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(text), ...changes }));
  const config: TrainConfig = {
    name,
    threads: 1,
    base,
    dataset: { folder: at("data"), captionDropout: 0, cache: { folder: at("cache") } },
    stages: [
      {
        ...{ kind: "text-to-image", name: "captions", resolution: 32, batchSize: 2, steps: 1 },
        ...{ optimizer: { lr: 1e-4 }, sampleEvery: null },
      },
    ],
    sampling: { prompts: ["a ball"], steps: 1 },
  };
  writeFileSync(at(`${name}.json`), JSON.stringify(config));
  await pixartHere("train", at(`${name}.json`), "--work-dir", at(name));
  const events = readEvents(at(join(name, "events.jsonl")));
  return events.find((event) => event.type === "step")?.loss;
}

it("is that of the base's scheduler", async () => {
  await writeTinyDataset(at("data"));
  const own = await lossOn("own", {});
  expect(await lossOn("spacing", { timestep_spacing: "leading" })).toBe(own);
  const other = await lossOn("levels", { beta_schedule: "scaled_linear", beta_end: 0.012 });
  expect(other).toBeGreaterThan(0);
  expect(other).not.toBe(own);
});
