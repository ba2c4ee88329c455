import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TrainConfig } from "../../src/config/index.ts";
import { temporaryName } from "../../src/files/temporary-name.ts";
import { T5EncoderModel } from "../../src/models/index.ts";
import { machineMemory } from "../../src/training/models/available-memory.ts";
import { compareStage } from "../../src/training/prove-resume.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-before-run-"));
const data = join(root, "data");
const encoders = join(root, "encoders");
const base = tinyConfig(data);
const STAGES = base.stages.map(({ name }) => name);
const write = (name: string, config: TrainConfig): string => {
  const path = join(root, `${name}.json`);
  writeFileSync(path, JSON.stringify(config));
  return path;
};
const inRoot = (name: string): string => join(root, name);

let tiny = "";
beforeAll(async () => {
  await writeTinyDataset(data);
  await writeTinyEncoders(encoders, [
    "a ball, red style",
    "a ring, blue style",
    "drawn mostly green",
  ]);
  tiny = write("tiny", base);
});
afterAll(() => rmSync(root, { recursive: true }));

describe("pixart train --dry-run", () => {
  it("prints plan and forecast, and writes nothing", async () => {
    const { stderr } = await pixartHere("train", tiny, "--work-dir", inRoot("dry"), "--dry-run");
    expect(stderr).toContain(
      "Plan: 4 stages, 48 steps in total\n  Splits of the data: train (16), heldout (2, never trained on)\n",
    );
    expect(stderr).toContain(
      [
        '  2. "pixels" (class-conditional, 16 px): 16 pictures, 2 held out, 2 batches of 12 per epoch',
        "     12 steps of 24 (12 × 2) pictures: 18 epochs; adamw at 0.001, cosine after 2 steps of warm-up; float32",
        "     trains 0.03 M weights, with averages; a checkpoint every 5 steps, 2 kept of ",
      ].join("\n"),
    );
    expect(stderr).toMatch(
      /\nMemory: at least \d+ MB, in stage "\w+" \(models \d+ MB, gradients \d+ MB, optimizer \d+ MB, averages \d+ MB(, pictures \d+ MB in main memory)?\) and activations on top; [\d.]+ GB are available\n/,
    );
    expect(stderr).toMatch(
      /\nDisk: \d+ MB of checkpoints, \d+ MB of latents, \d+ MB of captions; [\d.]+ GB are free in /,
    );
    expect(existsSync(inRoot("dry"))).toBe(false);
  });

  it("plans a new text encoder for a tokenizer that is there", async () => {
    const tokenizer = { pretrained: encoders, subfolder: "tokenizer", maxLength: 32 };
    const path = write("other-words", { ...base, tokenizer });
    const { stderr } = await pixartHere("train", path, "--work-dir", inRoot("w"), "--dry-run");
    expect(stderr).toContain("Plan: 4 stages, 48 steps in total");
  });

  it("refuses what memory and disk cannot hold, all at once and with what to do, before anything is made", async () => {
    const layerBytes = 4 * 16 * (32 * 72) ** 2;
    // Its weights alone would fit into the machine.
    const numLayers = Math.floor((0.8 * machineMemory()) / layerBytes);
    const huge = write("huge", {
      ...base,
      transformer: { numLayers, numAttentionHeads: 32, attentionHeadDim: 72, patchSize: 2 },
      stages: base.stages.map((stage) => ({ ...stage, keepCheckpoints: 100 })),
    });
    for (const flag of ["--dry-run", "--rehearsal"]) {
      const run = pixartHere("train", huge, "--work-dir", inRoot("huge"), flag);
      await expect(run).rejects.toThrow(
        /^The run needs at least \d+\.\d\d GB of memory in stage "pixels" \(models .*\) and activations on top, but [\d.]+ GB are available\. Keep no averages \(stages\.1\.ema null\), or take an optimizer with less state \(stages\.1\.optimizer\.type "adafactor" or "lion"\), or take a smaller model or a larger machine\nThe run needs [\d.]+ GB of disk in .*huge \(checkpoints .*\), but [\d.]+ GB are free\. Lower keepCheckpoints, set ema to null, keep features on another disk with dataset\.cache\.folder, or write elsewhere with --work-dir\nTo try anyway/,
      );
    }
    expect(existsSync(inRoot("huge"))).toBe(false);
    const { stderr } = await pixartHere("train", huge, "--dry-run", "--no-rehearsal");
    expect(stderr).toContain("Warning: The run needs at least");
  });

  it("refuses stages whose classes or pictures are missing, before the first of them begins", async () => {
    const named = inRoot("named-classes");
    cpSync(data, named, { recursive: true });
    const table = readFileSync(join(data, "metadata.jsonl"), "utf8");
    writeFileSync(join(named, "metadata.jsonl"), table.replace(/"class":(\d)/g, '"class":"c$1"'));
    const path = write("named-classes", { ...base, dataset: { ...base.dataset, folder: named } });
    for (const flags of [["--dry-run"], []]) {
      await expect(
        pixartHere("train", path, "--work-dir", inRoot("unclassed"), ...flags),
      ).rejects.toThrow(
        `Stage "pixels" needs classes, but the "class" of the pictures chosen from ${named} is not numeric: the first is "c0". Write a number for each class, or leave the stage out`,
      );
    }
    expect(existsSync(inRoot("unclassed"))).toBe(false);
  });

  it("loads no text encoder, and says what encoding would take", async () => {
    const load = vi.spyOn(T5EncoderModel, "fromPretrained");
    const config = write("frozen-dry", pretrainedConfig(data, encoders, inRoot("frozen-cache")));
    const { stderr } = await pixartHere(
      "train",
      config,
      "--dry-run",
      "--work-dir",
      inRoot("frozen-dry"),
    );
    expect(stderr).toContain("Plan: 1 stage, 4 steps in total\n");
    expect(load).not.toHaveBeenCalled();
    load.mockRestore();
  });
});

describe("a rehearsal", () => {
  const plain = inRoot("plain");
  const rehearsed = inRoot("rehearsed");

  it("changes no bit of any stage, and leaves nothing behind", async () => {
    const quiet = await pixartHere("train", tiny, "--work-dir", plain);
    const { stderr } = await pixartHere("train", tiny, "--work-dir", rehearsed, "--rehearsal");
    expect(quiet.stderr).not.toContain("Rehearsal");
    for (const stage of STAGES) {
      expect(stderr).toMatch(
        new RegExp(
          `Rehearsal of stage "${stage}": a step took [\\d.]+ s, a sample [\\d.]+ s, a save [\\d.]+ s; \\d+ MB of memory at most, .* more are available\\. 12 steps will take about `,
        ),
      );
      expect(compareStage(plain, rehearsed, stage, 12)).toEqual({ stage, differs: [] });
    }
    const samples = readdirSync(join(plain, "samples"), {
      recursive: true,
      encoding: "utf8",
    }).filter((name) => name.endsWith(".png"));
    for (const name of samples) {
      const [a, b] = [plain, rehearsed].map((run) => readFileSync(join(run, "samples", name)));
      expect(b?.equals(a ?? Buffer.alloc(0))).toBe(true);
    }
    expect(readdirSync(rehearsed).sort()).toEqual(readdirSync(plain).sort());
  });

  it("that was cut off is told of when the run goes on, which says where from", async () => {
    const run = inRoot("cut-off");
    cpSync(plain, run, { recursive: true });
    rmSync(join(run, "checkpoints", "aesthetics", "step-00000012"), { recursive: true });
    const left = join(run, temporaryName("rehearsal"));
    mkdirSync(left);
    const { stderr } = await pixartHere("train", tiny, "--work-dir", run, "--resume");
    expect(stderr).toContain(
      "The process before this one ended during its rehearsal, probably killed because memory was full.",
    );
    expect(stderr).toContain("Plan: 4 stages, 48 steps in total, from step 46 of 48\n");
    expect(existsSync(left)).toBe(false);
    expect(compareStage(plain, run, "aesthetics", 12).differs).toEqual([]);
  });

  it("is compared by a measure that sees differences", () => {
    const other = inRoot("other");
    cpSync(plain, other, { recursive: true });
    const steps = join(other, "checkpoints", "pixels");
    rmSync(join(steps, "step-00000012"), { recursive: true });
    cpSync(join(steps, "step-00000010"), join(steps, "step-00000012"), { recursive: true });
    const events = join(other, "events.jsonl");
    const last = readEvents(events).findLast((e) => e.type === "step" && e.stage === "pixels");
    if (last?.type !== "step") throw new Error("no step");
    writeFileSync(
      events,
      readFileSync(events, "utf8").replace(`"loss":${last.loss}`, `"loss":${last.loss * 2}`),
    );
    expect(compareStage(plain, other, "pixels", 12).differs).toEqual([
      "weights.safetensors",
      "ema.safetensors",
      "optimizer.safetensors",
      "losses.safetensors",
      "the state in the manifest",
      "the losses",
    ]);
  });
});

describe("pixart train --prove-resume", () => {
  it("kills, resumes, compares, and leaves nothing", async () => {
    const config = write("frozen", pretrainedConfig(data, encoders, inRoot("frozen-cache")));
    const before = readdirSync(root);
    const { stdout, stderr } = await pixartHere(
      "train",
      config,
      "--work-dir",
      inRoot("proof"),
      "--prove-resume",
      "2",
    );
    expect(stdout).toBe(
      'Stage "captions": weights, moments, averages and losses are equal to the last bit\nResume is proven for this config\n',
    );
    expect(stderr).toContain('Interrupted: killed after step 3 of stage "captions"');
    expect(readdirSync(root).filter((name) => !before.includes(name))).toEqual(["frozen-cache"]);
  });
});
