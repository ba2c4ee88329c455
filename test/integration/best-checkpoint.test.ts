import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ResolvedStage } from "../../src/config/index.ts";
import * as torch from "../../src/torch/index.ts";
import {
  listCheckpoints,
  saveCheckpointInPlace,
} from "../../src/training/checkpoints/checkpoint.ts";
import type { MeasuredLoss } from "../../src/training/loop/measure-loss.ts";
import { StageLoop } from "../../src/training/loop/stage-loop.ts";
import { lineStage } from "../fixtures/line-stage.ts";
import { LineTask } from "../fixtures/line-task.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-best-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Trained {
  readonly root: string;
  /** Held-out losses by step. */
  readonly measured: ReadonlyMap<number, MeasuredLoss>;
  readonly kept: readonly number[];
  readonly best: string | undefined;
}

/** Trains with a loss that first falls and, from batch 20 on, is turned round so that it rises. */
async function trainWith(
  changes: Partial<ResolvedStage<"text-to-image">>,
  counts = { train: 20, heldout: 4 },
): Promise<Trained> {
  const stage = lineStage({
    steps: 50,
    checkpointEvery: 5,
    keepCheckpoints: 2,
    validateEvery: 50,
    ema: null,
    optimizer: { ...lineStage().optimizer, lr: 0.02 },
    spikes: null,
    ...changes,
  } as Partial<ResolvedStage<"text-to-image">>);
  const task = new LineTask((losses, { index }) => (index < 20 ? losses : losses.neg()), counts);
  const loop = new StageLoop(5, stage, task);
  const root = mkdtempSync(join(folder, "run-"));
  const measured = new Map<number, MeasuredLoss>();
  await loop.run({
    onStep: () => {},
    onWarning: () => {},
    onSample: async () => {},
    onValidation: (step, { heldout }) => {
      if (heldout !== undefined) measured.set(step, heldout);
    },
    onCheckpoint: async (state, best) => {
      const { name, keepCheckpoints: keep } = stage;
      await saveCheckpointInPlace(root, { ...state, stage: name, keep, best });
    },
    shouldStop: () => false,
  });
  loop.dispose();
  task.dispose();
  const pointer = join(root, "best");
  return {
    root,
    measured,
    kept: (await listCheckpoints(root)).map(({ step }) => step),
    best: existsSync(pointer) ? readFileSync(pointer, "utf8") : undefined,
  };
}

describe("the best checkpoint", () => {
  it("is that of the lowest held-out loss; it stays beside the newest, and a file names it", async () => {
    const { measured, kept, best } = await trainWith({});
    expect([...measured.keys()]).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
    const losses = [...measured].map(([step, { loss }]) => [loss, step] as const);
    const lowest = losses.reduce((a, b) => (b[0] < a[0] ? b : a));
    expect(lowest[1]).toBeGreaterThanOrEqual(15);
    expect(lowest[1]).toBeLessThanOrEqual(25);
    expect(best).toBe(`step-000000${lowest[1]}\n`);
    expect(kept).toEqual([lowest[1], 45, 50]);
  });

  it.each([
    ["the config has no use for it", { keepBest: false }, undefined],
    ["nothing is measured on the way", { validateEvery: null }, undefined],
    ["nothing is held out", {}, { train: 20, heldout: 0 }],
  ] as const)("is not kept where %s", async (_, changes, counts) => {
    const { kept, best } = await trainWith(changes, counts);
    expect(kept).toEqual([45, 50]);
    expect(best).toBeUndefined();
  });
});

describe("held-out losses", () => {
  it("are told by four bands of timesteps, whose mean is the loss", async () => {
    const { measured } = await trainWith({ steps: 5, validateEvery: 5 });
    const { loss = 0, bands = {} } = measured.get(5) ?? {};
    expect(Object.keys(bands)).toEqual(["0-249", "250-499", "500-749", "750-999"]);
    // The task's losses fall with the timestep.
    const values = Object.values(bands);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    // How many of the 256 fall into each band: what the fixture draws after its six normal numbers.
    const counts = [0, 0, 0, 0];
    for (let position = 0; position < 256; position++) {
      torch.tidy(() => {
        const generator = torch.stream(5, "validation", position);
        torch.randn([6], { generator });
        const timestep = torch.randint(0, 1000, [1], { generator, dtype: "int64" }).item();
        const band = Math.floor(timestep / 250);
        counts[band] = (counts[band] ?? 0) + 1;
      });
    }
    const mean = values.reduce((sum, value, band) => sum + value * (counts[band] ?? 0), 0) / 256;
    expect(mean).toBeCloseTo(loss, 6);
  });
});
