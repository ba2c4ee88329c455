import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ResolvedStage } from "../../src/config/index.ts";
import type { Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";
import {
  listCheckpoints,
  openCheckpoint,
  saveCheckpointInPlace,
} from "../../src/training/checkpoints/checkpoint.ts";
import {
  DivergedError,
  type StageListener,
  StageLoop,
} from "../../src/training/loop/stage-loop.ts";
import { lineStage } from "../fixtures/line-stage.ts";
import { LineTask, type Tamper } from "../fixtures/line-task.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-non-finite-"));
afterAll(() => rmSync(folder, { recursive: true }));

const STEPS = 8;
const BAD_STEP = 4; // a checkpoint follows it

/** Losses of which one is not finite, or whose gradient is not. */
const faults: Readonly<Record<string, (losses: Tensor) => Tensor>> = {
  "a loss of NaN": (losses) => losses.mul(Number.NaN),
  "a loss of infinity": (losses) => losses.mul(Number.POSITIVE_INFINITY),
  "a loss of minus infinity": (losses) => losses.mul(Number.NEGATIVE_INFINITY),
  // Forward √0 = 0; backward ∞ · 0.
  "a gradient of NaN": (losses) => losses.add(losses.mul(0).sqrt()),
  // Forward 0; backward so large that its norm overflows.
  "a gradient of infinity": (losses) => losses.add(losses.sub(losses.detach()).mul(3e38)),
};

const settings: Readonly<Record<string, Partial<ResolvedStage<"text-to-image">>>> = {
  "one pass a step": {},
  "the second of two passes a step": { gradientAccumulation: 2 },
  bfloat16: { precision: "bfloat16" },
  "without averages": { ema: null },
};

const cases = Object.keys(faults).flatMap((fault) =>
  Object.keys(settings).map((setting) => ({ fault, setting })),
);

interface Trained {
  readonly loop: StageLoop;
  readonly task: LineTask;
  readonly warnings: readonly string[];
  /** Applied or not, by step. */
  readonly applied: readonly boolean[];
  readonly losses: readonly number[];
  /** All tensors of the state by name, after each step. */
  readonly states: readonly ReadonlyMap<string, readonly number[]>[];
  readonly root: string;
  readonly error: unknown;
}

const valuesOf = (loop: StageLoop): Map<string, number[]> =>
  new Map(
    [...loop.tensors()]
      .filter(([group]) => group !== "losses") // the ledger of pictures, which no update is made of
      .flatMap(([group, tensors]) =>
        [...tensors].map(([key, tensor]) => [
          `${group}/${key}`,
          Array.from(tensor.toFloat32Array()),
        ]),
      ),
  );

let roots = 0;

async function trainWith(stage: ResolvedStage, tamper: Tamper): Promise<Trained> {
  const task = new LineTask(tamper);
  const loop = new StageLoop(3, stage, task);
  const root = join(folder, String(roots++));
  const [warnings, applied, losses]: [string[], boolean[], number[]] = [[], [], []];
  const states = [valuesOf(loop)];
  const listener: StageListener = {
    onStep: (report) => {
      applied.push(report.applied);
      losses.push(report.loss);
      states.push(valuesOf(loop));
    },
    onWarning: (message) => void warnings.push(message),
    onSample: async () => {},
    onValidation: () => {},
    onCheckpoint: async (state) => {
      await saveCheckpointInPlace(root, { ...state, stage: stage.name, keep: 100 });
    },
    shouldStop: () => false,
  };
  const error = await loop.run(listener).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { loop, task, warnings, applied, losses, states, root, error };
}

async function everySavedNumber(root: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const { path } of await listCheckpoints(root)) {
    const checkpoint = await openCheckpoint(path);
    for (const group of checkpoint.groups) {
      torch.tidy(() => {
        for (const tensor of checkpoint.read(group).values()) {
          numbers.push(...(tensor.to({ dtype: "float64" }).flatten().tolist() as number[]));
        }
      });
    }
  }
  return numbers;
}

describe("20 steps that are not finite", () => {
  it.each(cases)("$fault, $setting: nothing is changed", async ({ fault, setting }) => {
    const stage = lineStage({ steps: STEPS, checkpointEvery: BAD_STEP, ...settings[setting] });
    const passes = stage.gradientAccumulation;
    const badPass = BAD_STEP * passes - 1;
    const injected: Tamper = (losses, { index }) =>
      index === badPass ? (faults[fault]?.(losses) ?? losses) : losses;
    const run = await trainWith(stage, injected);
    expect(run.error).toBeUndefined();

    expect(run.applied).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1 !== BAD_STEP));
    expect(Number.isFinite(run.losses[BAD_STEP - 1])).toBe(fault.startsWith("a gradient"));
    expect(run.states[BAD_STEP]).toEqual(run.states[BAD_STEP - 1]);
    for (const step of [1, 2, 3, 5, 6, 7, 8])
      expect(run.states[step]).not.toEqual(run.states[step - 1]);
    expect(run.states[0]?.has("ema/line.weight")).toBe(stage.ema !== null);

    expect(run.warnings).toHaveLength(1);
    const [warning = ""] = run.warnings;
    expect(warning).toContain(`Step ${BAD_STEP}: the loss or the gradient is not finite`);
    expect(warning.match(/\d+\.png/g)).toHaveLength(4 * passes);

    const numbers = await everySavedNumber(run.root);
    expect(numbers.length).toBeGreaterThan(2 * 3 * 42);
    expect(numbers.every(Number.isFinite)).toBe(true);
    run.loop.dispose();
    run.task.dispose();
  });
});

describe("steps that are not finite again and again", () => {
  it("end the run at the fifth in a row, with the pictures of all five named", async () => {
    const stage = lineStage({ steps: 20, checkpointEvery: 3 });
    const run = await trainWith(stage, (losses, { index }) =>
      index >= 6 ? losses.mul(Number.NaN) : losses,
    );
    expect(run.error).toBeInstanceOf(DivergedError);
    expect((run.error as Error).message).toBe(
      "5 steps in a row had no finite loss or gradient. The newest checkpoint is from before them. Lower the learning rate, or look at the pictures that the warnings name.",
    );
    expect(run.warnings).toHaveLength(5);
    expect(run.applied).toEqual([...Array(6).fill(true), ...Array(5).fill(false)]);
    expect((await everySavedNumber(run.root)).every(Number.isFinite)).toBe(true);
    run.loop.dispose();
    run.task.dispose();
  });

  it("do not where a finite one is between them", async () => {
    const stage = lineStage({ steps: 20, checkpointEvery: 20 });
    const run = await trainWith(stage, (losses, { index }) =>
      index % 5 === 4 ? losses : losses.mul(Number.NaN),
    );
    expect(run.error).toBeUndefined();
    expect(run.applied.filter(Boolean)).toHaveLength(4);
    run.loop.dispose();
    run.task.dispose();
  });
});
