import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cardOfRun } from "../../src/cli/training/publish-run.ts";
import { resolveConfig } from "../../src/config/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { publishPipeline } from "../../src/pipelines/published/publish.ts";
import * as torch from "../../src/torch/index.ts";
import { pipelineFromRun } from "../../src/training/run-pipeline.ts";
import { train } from "../../src/training/train.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("published.py", import.meta.url));
const shipped = fileURLToPath(new URL("../../models/emoji-small", import.meta.url));

interface Picture {
  readonly size: [number, number];
  readonly pixels: number[];
}

/** Largest difference of a channel, of 255, between our pictures and those of diffusers. */
async function largestDifference(folder: string, prompts: readonly string[]): Promise<number> {
  const seeds = prompts.map((_, i) => 11 + i);
  const steps = 8;
  const guidanceScale = 4.5;
  const theirs = (await runPython(script, {
    folder,
    prompts,
    seeds,
    steps,
    guidanceScale,
  })) as Picture[];
  const pipe = await PixArtAlphaPipeline.fromPretrained(folder);
  let largest = 0;
  for (const [i, prompt] of prompts.entries()) {
    const { images } = await pipe(prompt, {
      numInferenceSteps: steps,
      guidanceScale,
      generator: torch.generator(seeds[i] ?? 0),
    });
    const ours = images[0];
    const reference = theirs[i];
    if (ours === undefined || reference === undefined) throw new Error(`no picture of "${prompt}"`);
    expect([ours.width, ours.height]).toEqual(reference.size);
    expect(new Set(ours.data).size).toBeGreaterThan(8); // a real picture, not one flat colour
    ours.data.forEach((value, j) => {
      largest = Math.max(largest, Math.abs(value - (reference.pixels[j] ?? Number.NaN)));
    });
  }
  return largest;
}

describe("a run, published", () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-published-"));
  const run = join(folder, "run");

  beforeAll(async () => {
    await writeTinyDataset(join(folder, "data"));
    const config = { ...tinyConfig(join(folder, "data")), workDir: run };
    const outcome = await train(resolveConfig(config, "tiny"), {
      resume: false,
      resumeCommand: "",
      say: () => {},
    });
    expect(outcome).toMatchObject({ finished: true, exitCode: 0 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(["float32", "bfloat16"] as const)(
    "as %s draws in diffusers what it draws here",
    async (dtype) => {
      const out = join(folder, dtype);
      const found = await pipelineFromRun(run, true);
      const card = cardOfRun(found, "pipeline", { which: "averaged (EMA)", out });
      await publishPipeline(found.pipe, out, { dtype, prompt: "a ball, red style", card });
      expect(existsSync(join(out, "README.md"))).toBe(true);
      expect(await largestDifference(out, ["a ring, blue style", ""])).toBeLessThanOrEqual(2);
    },
  );

  it("never overwrites a folder", async () => {
    const out = join(folder, "taken");
    const { pipe } = await pipelineFromRun(run, true);
    await publishPipeline(pipe, out, { dtype: "float32", prompt: "" });
    await expect(publishPipeline(pipe, out, { dtype: "float32", prompt: "" })).rejects.toThrow(
      `Expected a new or empty folder to publish to but received ${out}`,
    );
  });

  it("draws with the raw weights too, which differ from the averaged ones", async () => {
    const draw = async (averaged: boolean): Promise<Uint8Array> => {
      const { pipe } = await pipelineFromRun(run, averaged);
      const { images } = await pipe("a box, red style", {
        numInferenceSteps: 4,
        generator: torch.generator(0),
      });
      return images[0]?.data ?? new Uint8Array();
    };
    expect(await draw(true)).not.toEqual(await draw(false));
  });

  it("names the stage of a checkpoint that can't draw from prompts", async () => {
    const checkpoint = join(run, "checkpoints", "pixels", "step-00000012");
    await expect(pipelineFromRun(checkpoint, true)).rejects.toThrow(
      'is a checkpoint of stage "pixels", which cannot draw from prompts',
    );
  });

  it("says that a folder is no run", async () => {
    writeFileSync(join(folder, "note.txt"), "");
    await expect(pipelineFromRun(folder, true)).rejects.toThrow("config.json");
  });
});

it("the released small model draws in diffusers what it draws here", async () => {
  expect(existsSync(join(shipped, "model_index.json"))).toBe(true);
  const prompts = ["a red apple, noto style", "a cat face, twemoji style"];
  expect(await largestDifference(shipped, prompts)).toBeLessThanOrEqual(2);
});
