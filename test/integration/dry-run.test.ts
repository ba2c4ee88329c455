import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as torch from "../../src/torch/index.ts";
import { readRunConfig } from "../../src/training/run-folder/run-folder.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { type CommandOutput, pixartHere } from "./in-process.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-small", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "pixart-dry-run-"));
const data = join(root, "data");
const run = join(root, "run");
const configFile = join(root, "mine.json");
beforeAll(async () => {
  await writeTinyDataset(data);
  const config = {
    base: BASE,
    threads: 1,
    dataset: { folder: data },
    stages: [
      {
        kind: "text-to-image",
        name: "finetune",
        resolution: 64,
        batchSize: 2,
        steps: 1,
        optimizer: { lr: 1e-4 },
      },
    ],
    sampling: { prompts: ["a fox"], steps: 1 },
  };
  writeFileSync(configFile, JSON.stringify(config));
});
afterAll(() => rmSync(root, { recursive: true }));

const train = (...args: readonly string[]): Promise<CommandOutput> =>
  pixartHere("train", configFile, "--work-dir", run, ...args);

describe("a dry run and the run itself", () => {
  it.each([
    ["another target than the base's", "stages.0.loss.type=epsilon", 'Expected "v" for loss.type'],
    ["half a token", "stages.0.resolution=60", "Expected a multiple of 8"],
    [
      "what does not go with the base's target",
      'stages.0.loss={"type":"v","debiased":true,"minSnrGamma":5}',
      "since the stage's loss is debiased",
    ],
  ])("refuse %s, and make no folder", async (_, option, message) => {
    for (const flags of [["--dry-run"], []]) {
      await expect(train(...flags, "--cfg-options", option)).rejects.toThrow(message);
      expect(existsSync(run)).toBe(false);
    }
  });

  it("choose the precision for this processor, and a run keeps it", async () => {
    const fastest = torch.fastestDType("cpu");
    const precision = (value: string) => ["--cfg-options", `stages.0.precision=${value}`];
    const plan = await train("--dry-run", "--json", ...precision("auto"));
    expect(JSON.parse(plan.stdout).stages[0].precision).toBe(fastest);
    expect(plan.stderr).not.toContain("bfloat16 multiplication");
    const slow = await train("--dry-run", ...precision("bfloat16"));
    expect(slow.stderr.includes("no bfloat16 multiplication")).toBe(fastest === "float32");
    await train(...precision("auto"));
    expect(readRunConfig(run).stages[0]?.precision).toBe(fastest);
    const again = await train("--resume", ...precision("auto"));
    expect(again.stderr).not.toContain("Changed from here on");
    rmSync(run, { recursive: true });
  });

  it("refuse too many unreadable pictures, and tell of few", async () => {
    const file = join(data, "ring-blue.png");
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    const told = `Warning: Left out: ${file}: `;
    const some = ["--cfg-options", "dataset.maxUnreadable=0.2"];
    const dry = await train("--dry-run", ...some);
    expect(dry.stderr).toContain(told);
    expect(dry.stderr).toContain("18 pictures, 18 with captions; 16 to train on, 2 held out");
    expect(existsSync(run)).toBe(false);
    const real = await train(...some);
    const reasonOf = ({ stderr }: CommandOutput): string | undefined =>
      stderr.split("\n").find((line) => line.startsWith(told));
    expect(reasonOf(real)).toBe(reasonOf(dry));
    rmSync(run, { recursive: true });
    let reason: unknown;
    for (const flags of [["--dry-run"], []]) {
      const error: unknown = await train(...flags).catch((failed: unknown) => failed);
      expect(error).toMatchObject({ name: "UnreadablePicturesError" });
      reason ??= (error as Error).message;
      expect((error as Error).message).toBe(reason);
    }
    expect(reason).toContain("ring-blue.png");
    rmSync(run, { recursive: true });
    writeFileSync(file, whole);
  });

  it("refuse a data set of which too much was found unreadable when it was listed", async () => {
    const some = ["ring-blue.png", "dot-red.png"].map((name) => join(data, name));
    const whole = some.map((file) => readFileSync(file));
    for (const file of some) writeFileSync(file, "");
    for (const flags of [["--dry-run"], []]) {
      await expect(train(...flags)).rejects.toThrow(
        "2 of 18 pictures can't be read, more than maxUnreadable 0.05 allows",
      );
      expect(existsSync(run)).toBe(false);
    }
    const dry = await train("--dry-run", "--cfg-options", "dataset.maxUnreadable=0.2");
    expect(dry.stderr).toMatch(/Warning: Left out: .*dot-red\.png: .*; and 1 more like it\n/);
    for (const [i, file] of some.entries()) writeFileSync(file, whole[i] ?? "");
  });

  it("warn of a size that is far from the base's", async () => {
    const { stderr } = await train("--dry-run", "--cfg-options", "stages.0.resolution=1024");
    expect(stderr).toContain(
      `Warning: Stage "finetune" trains at 1024 px, but ${BASE} was made for 64 px`,
    );
  });

  it("take the base's target where none is given, and refuse a folder with a run in it", async () => {
    await train();
    const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
    expect(config.stages[0].loss.type).toBe("v");
    for (const flags of [["--dry-run"], []])
      await expect(train(...flags)).rejects.toThrow("which holds a run");
  });
});
