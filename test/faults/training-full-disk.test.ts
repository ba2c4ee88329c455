import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { resolveConfig, type TrainConfig } from "../../src/config/index.ts";
import { train } from "../../src/training/train.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-full-"));
let isFull: () => boolean = () => false;

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const statfs = async (path: string): Promise<{ bavail: number; bsize: number }> => {
    const { bavail, bsize } = await real.statfs(path);
    return { bavail: isFull() ? 0 : bavail, bsize };
  };
  return { ...real, statfs };
});

beforeAll(async () => {
  await writeTinyDataset(join(root, "data"));
  await writeTinyEncoders(join(root, "encoders"), ["a ball, red style", "a ring, blue style"]);
});
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => {
  isFull = () => false;
});

const steps = (run: string): string[] =>
  readdirSync(join(root, run, "checkpoints", "captions")).filter((name) =>
    name.startsWith("step-"),
  );

/** Trains 4 steps with a checkpoint after each; `onStep` comes before the step's checkpoint. */
function run(
  whenFull: TrainConfig["whenFull"],
  onStep: (step: number) => void,
): { lines: string[]; ended: Promise<unknown> } {
  const lines: string[] = [];
  const base = pretrainedConfig(join(root, "data"), join(root, "encoders"), join(root, "cache"));
  const stages = base.stages.map((stage) => ({ ...stage, checkpointEvery: 1, keepCheckpoints: 4 }));
  const config = resolveConfig(
    { ...base, stages, whenFull, workDir: join(root, whenFull ?? "") },
    "full.json",
  );
  const ended = train(config, {
    resume: false,
    resumeCommand: "again",
    say: (line) => {
      lines.push(line);
      if (line.includes("trying again")) process.emit("SIGTERM");
    },
    onStep: ({ step }) => onStep(step),
  });
  return { lines, ended };
}

describe("a disk that fills up while a run trains", () => {
  it("ends the run by default, with its earlier checkpoints", async () => {
    const { ended } = run("stop", (step) => {
      if (step === 3) isFull = () => true;
    });
    await expect(ended).rejects.toThrow("too little room; free some space");
    expect(steps("stop")).toEqual(["step-00000001", "step-00000002"]);
  });

  it("makes it delete older checkpoints where it may", async () => {
    const { lines, ended } = run("prune", (step) => {
      if (step === 3) isFull = () => steps("prune").length > 1;
    });
    expect(await ended).toMatchObject({ finished: true });
    expect(lines.join("\n")).toMatch(/Warning: Deleting .*step-00000001 to make room/);
    expect(steps("prune").at(-1)).toBe("step-00000004");
  });

  it("makes it wait where it may, until it is asked to stop", async () => {
    const { lines, ended } = run("wait", (step) => {
      if (step === 3) isFull = () => true;
    });
    await expect(ended).rejects.toThrow("too little room; free some space");
    expect(lines.filter((line) => line.includes("trying again every 30 s"))).toHaveLength(1);
    expect(steps("wait")).toEqual(["step-00000001", "step-00000002"]);
  });
});
