import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ResolvedStage } from "../../src/config/index.ts";
import {
  latestCheckpoint,
  saveCheckpointInPlace,
} from "../../src/training/checkpoints/checkpoint.ts";
import {
  DivergedError,
  type Rollback,
  StageLoop,
  type StageState,
} from "../../src/training/loop/stage-loop.ts";
import { lineStage } from "../fixtures/line-stage.ts";
import { LineTask, type Tamper } from "../fixtures/line-task.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-spikes-"));
afterAll(() => rmSync(folder, { recursive: true }));

const stage = lineStage({
  steps: 60,
  checkpointEvery: 15,
  keepCheckpoints: 2,
  spikes: { factor: 10, window: 10 },
});

/** Batches whose loss is 1000 times what it should be. */
const poisoned =
  (...batches: readonly number[]): Tamper =>
  (losses, { index }) =>
    batches.includes(index) ? losses.mul(1000) : losses;

/** A stage trained by one process after the other, with checkpoints in a folder. */
class Run {
  readonly #root = mkdtempSync(join(folder, "run-"));
  readonly #seed: number;
  readonly #stage: ResolvedStage;
  readonly #tamper: Tamper;
  readonly rollbacks: Rollback[] = [];
  /** Steps that changed the weights, those gone back from included. */
  updates = 0;
  /** Batches in the order they were trained on, of the last process. */
  trained: readonly number[] = [];
  /** All numbers of the state at the end of the last process, by group and name. */
  values: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(seed: number, tamper: Tamper, ownStage: ResolvedStage = stage) {
    this.#seed = seed;
    this.#tamper = tamper;
    this.#stage = ownStage;
  }

  async newest(): Promise<StageState | undefined> {
    const checkpoint = await latestCheckpoint(this.#root);
    return checkpoint === undefined
      ? undefined
      : {
          step: checkpoint.step,
          groups: new Map(checkpoint.groups.map((group) => [group, checkpoint.read(group)])),
          state: checkpoint.state as StageState["state"],
        };
  }

  /** Goes on from the newest checkpoint. `killedAfter` ends it after so many updates, `stoppedAfter` saves first. */
  async go(killedAfter = Number.POSITIVE_INFINITY, stoppedAfter = killedAfter): Promise<boolean> {
    const task = new LineTask(this.#tamper);
    const loop = new StageLoop(this.#seed, this.#stage, task);
    const before = this.updates;
    const done = (): number => this.updates - before;
    try {
      const start = await this.newest();
      if (start !== undefined) loop.restore(start);
      return await loop.run({
        onStep: () => {
          this.updates++;
          if (done() >= killedAfter) throw new Error("killed");
        },
        onWarning: (message) => {
          throw new Error(message);
        },
        onSample: async () => {},
        onValidation: () => {},
        onCheckpoint: async (state, best) => {
          const { name, keepCheckpoints: keep } = this.#stage;
          await saveCheckpointInPlace(this.#root, { ...state, stage: name, keep, best });
        },
        onRollback: (rollback) => void this.rollbacks.push(rollback),
        newestState: async () => {
          const state = await this.newest();
          if (state === undefined) throw new Error("Expected a checkpoint");
          return state;
        },
        shouldStop: () => done() >= stoppedAfter,
      });
    } finally {
      this.trained = task.trained;
      this.values = new Map(
        [...loop.tensors()].flatMap(([group, tensors]) =>
          [...tensors].map(([key, tensor]) => [
            `${group}/${key}`,
            Array.from(tensor.toTypedArray() as Float32Array),
          ]),
        ),
      );
      loop.dispose();
      task.dispose();
    }
  }
}

const copiesOf = (groups: StageState["groups"]): StageState["groups"] =>
  new Map(
    [...groups].map(([name, tensors]) => [
      name,
      new Map([...tensors].map(([key, tensor]) => [key, tensor.detach().clone()])),
    ]),
  );

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe.each([1, 2, 3])("poisoned batches, seed %i", (seed) => {
  // Worked out by hand. Batch 22 in step 23: back to step 15, whose next batch is then 23, bad too: back again, and on with
  // 24. Step 30 is saved with batch 38 done; batch 41 in step 33: back to 30, and on with 42.
  const tamper = poisoned(22, 23, 41);
  const straight = new Run(seed, tamper);

  it("are gone back from and passed over, and the run ends by itself", async () => {
    expect(await straight.go()).toBe(true);
    expect(
      straight.rollbacks.map(({ step, spikeStep, skipped }) => [step, spikeStep, skipped]),
    ).toEqual([
      [15, 23, [15, 23]],
      [15, 16, [23, 24]],
      [30, 33, [39, 42]],
    ]);
    for (const { ratio, loss, pictures } of straight.rollbacks) {
      expect(ratio).toBeGreaterThan(10);
      expect(loss).toBeGreaterThan(10);
      expect(pictures).toHaveLength(4);
    }
    expect(straight.updates).toBe(60 + 7 + 2);
    const trained = [...upTo(0, 15), ...upTo(24, 39), ...upTo(42, 72)];
    expect(trained).toHaveLength(60);
    expect(straight.trained.slice(-30)).toEqual(trained.slice(-30));
  });

  it("leave no trace: all numbers are those of a run that had passed them over from the start", async () => {
    const clean = new Run(seed, (losses) => losses);
    const task = new LineTask();
    const loop = new StageLoop(seed, stage, task);
    loop.restore({
      step: 0,
      groups: copiesOf(loop.tensors()),
      state: {
        skippedBatches: [
          [15, 24],
          [39, 42],
        ],
      },
    });
    let states: StageState | undefined;
    await loop.run({
      onStep: () => {},
      onWarning: () => {},
      onSample: async () => {},
      onValidation: () => {},
      onCheckpoint: async (state) => {
        states = state;
      },
      shouldStop: () => false,
    });
    expect(clean.rollbacks).toEqual([]);
    expect(states?.step).toBe(60);
    const values = [...loop.tensors()].flatMap(([group, tensors]) =>
      [...tensors].map(([key, tensor]) => [
        `${group}/${key}`,
        Array.from(tensor.toTypedArray() as Float32Array),
      ]),
    );
    expect(Object.fromEntries(straight.values)).toEqual(Object.fromEntries(values));
    loop.dispose();
    task.dispose();
  });

  it("are passed over the same way in a second run", async () => {
    const again = new Run(seed, tamper);
    expect(await again.go()).toBe(true);
    expect(again.rollbacks).toEqual(straight.rollbacks);
    expect(again.values).toEqual(straight.values);
  });

  it.each([23, 36])("are in a run that is killed after %i updates and goes on", async (updates) => {
    const broken = new Run(seed, tamper);
    await expect(broken.go(updates)).rejects.toThrow("killed");
    expect(await broken.go()).toBe(true);
    expect(broken.values).toEqual(straight.values);
    // What was found before the kill is known from the checkpoint, and not found a second time.
    expect(broken.rollbacks).toEqual(straight.rollbacks);
  });
});

describe("the guard", () => {
  it("goes on in a run that is stopped after every seventh update", async () => {
    const broken = new Run(1, poisoned(22, 23, 41));
    for (let lives = 0; !(await broken.go(Number.POSITIVE_INFINITY, 7)); lives++)
      expect(lives).toBeLessThan(12);
    expect(broken.rollbacks.length).toBeGreaterThanOrEqual(3);
    expect(broken.values.get("weights/line.weight")?.every(Number.isFinite)).toBe(true);
  });

  it("gives up where the loss stays high whatever is passed over", async () => {
    const run = new Run(1, poisoned(...upTo(20, 200)));
    const error = await run.go().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DivergedError);
    expect((error as Error).message).toBe(
      'The loss spiked 10 times after the checkpoint of step 15, each time on different pictures. Lower the learning rate, look at the pictures that the events of type "rollback" name, or train on without this guard: "spikes": null in stage "line".',
    );
    expect(run.rollbacks).toHaveLength(10);
    // The checkpoint is still that of step 15, with what was passed over.
    const newest = await run.newest();
    expect(newest?.step).toBe(15);
    expect(newest?.state.skippedBatches).toEqual([[15, 30]]);
  });

  it("starts to count anew with each new checkpoint", async () => {
    const bad = [20, 21, 22, 23, 24, 25, 45, 46, 47, 48, 49, 50, 51];
    const run = new Run(1, poisoned(...bad));
    expect(await run.go()).toBe(true);
    expect(run.rollbacks).toHaveLength(bad.length);
  });

  it("lets through what is below the factor, what comes before a checkpoint, and all where it is off", async () => {
    const mild = new Run(1, (losses, { index }) => (index === 40 ? losses.mul(3) : losses));
    expect(await mild.go()).toBe(true);
    const early = new Run(1, poisoned(12));
    expect(await early.go()).toBe(true);
    const off = new Run(1, poisoned(40), { ...stage, spikes: null });
    expect(await off.go()).toBe(true);
    expect([mild, early, off].map(({ rollbacks }) => rollbacks)).toEqual([[], [], []]);
  });
});
