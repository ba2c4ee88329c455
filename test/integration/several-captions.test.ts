import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { FrozenCaptions } from "../../src/training/features/captions.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-several-"));
const data = join(root, "data");
const encoders = join(root, "encoders");
let texts: string[];
beforeAll(async () => {
  await writeTinyDataset(data);
  const metadata = join(data, "metadata.jsonl");
  const lines = readFileSync(metadata, "utf8").trim().split("\n");
  texts = lines.map((line) => JSON.parse(line).text);
  await writeTinyEncoders(encoders, texts);
  const several = lines.map((line) => {
    const { dense_text: _, ...record } = JSON.parse(line);
    return JSON.stringify({ ...record, text: [record.text, `${record.text} again`] });
  });
  writeFileSync(metadata, several.join("\n"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Trains, and gives the captions of each step and the weights. */
async function run(name: string, cache: string | null): Promise<[string[][], Buffer]> {
  const config = join(root, `${name}.json`);
  writeFileSync(config, JSON.stringify(pretrainedConfig(data, encoders, cache)));
  const states = vi.spyOn(FrozenCaptions.prototype, "states");
  await pixartHere("train", config, "--work-dir", join(root, name));
  const seen = states.mock.calls.map(([batch]) => [...batch]);
  states.mockRestore();
  const checkpoint = join(root, name, "checkpoints", "captions", "step-00000004");
  return [seen, readFileSync(join(checkpoint, "weights.safetensors"))];
}

it("training draws among a picture's captions, alike with and without a cache", async () => {
  const [seen, weights] = await run("alone", null);
  const drawn = seen.flat().filter((text) => text !== "");
  const known = new Set(texts.map((text) => text.toLowerCase()));
  const again = drawn.filter((text) => text.endsWith(" again"));
  expect(drawn.every((text) => known.has(text.replace(/ again$/, "")))).toBe(true);
  expect(again.length).toBeGreaterThan(0);
  expect(again.length).toBeLessThan(drawn.length);
  const [cachedSeen, cachedWeights] = await run("cached", join(root, "cache"));
  expect(cachedSeen).toEqual(seen);
  expect(cachedWeights.equals(weights)).toBe(true);
});
