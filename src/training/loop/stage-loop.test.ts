import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { LineTask } from "../../../test/fixtures/line-task.ts";
import * as torch from "../../torch/index.ts";
import type { SampleSheet } from "../contract/stage-task.ts";
import type { StageListener } from "./stage-listener.ts";
import { StageLoop, type StageState } from "./stage-loop.ts";

const SLOW_MS = 60_000;

/** Sheets from a step on take a minute each; a signal comes while one is drawn. */
class SlowTask extends LineTask {
  slowFrom: number = Number.POSITIVE_INFINITY;
  sheets = 0;
  readonly #stop: () => void;

  constructor(stop: () => void) {
    super();
    this.#stop = stop;
  }

  override async sample(signal?: AbortSignal): Promise<SampleSheet> {
    if (this.sheets++ >= this.slowFrom) {
      setTimeout(this.#stop, 20);
      await sleep(SLOW_MS, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
    }
    return { images: [], labels: [], drawn: [] };
  }
}

/** What a stage of four steps told, in order. */
interface Told {
  readonly listener: StageListener;
  readonly stop: () => void;
  readonly lines: string[];
}

function telling(): Told {
  const abort = new AbortController();
  const lines: string[] = [];
  return {
    lines,
    stop: () => abort.abort(),
    listener: {
      signal: abort.signal,
      shouldStop: () => abort.signal.aborted,
      onStep: ({ step }) => lines.push(`step ${step}`),
      onSample: async (step) => void lines.push(`sheet ${step}`),
      onValidation: (step) => lines.push(`measured ${step}`),
      onCheckpoint: async ({ step }) => void lines.push(`saved ${step}`),
      onWarning: (message) => lines.push(message),
    },
  };
}

const stage = lineStage({ steps: 4, checkpointEvery: 4, sampleEvery: 2, validateEvery: 4 });
let tensors = 0;
beforeEach(async () => {
  await collectGarbage();
  tensors = torch.memory().tensors;
});
afterEach(async () => {
  await collectGarbage();
  expect(torch.memory().tensors).toBe(tensors);
});

it.each([
  ["the first sheet, with nothing to save", 0, [], 0],
  ["one in the middle, saving the step", 1, ["sheet 0", "step 1", "step 2", "saved 2"], 2],
  [
    "the last one, with the last step saved",
    2,
    ["sheet 0", "step 1", "step 2", "sheet 2", "step 3", "step 4", "measured 4", "saved 4"],
    4,
  ],
])("a signal ends %s", async (_, slowFrom, told, step) => {
  const { listener, lines, stop } = telling();
  const task = new SlowTask(stop);
  task.slowFrom = slowFrom;
  const loop = new StageLoop(1, stage, task);
  const before = task.model.weight.toFloat32Array();
  expect(await loop.run(listener)).toBe(false);
  expect(lines).toEqual(told);
  expect(loop.step).toBe(step);
  // The trained weights are back in place of the averaged ones that the sheet is drawn with.
  if (step === 0) expect(task.model.weight.toFloat32Array()).toEqual(before);
  loop.dispose();
  task.dispose();
});

it("a signal ends a measurement, and the step is saved", async () => {
  const { listener, lines, stop } = telling();
  const task = new LineTask();
  const load = task.load.bind(task);
  let measured = 0;
  task.load = (batch) => {
    if (batch.isMeasured === true && ++measured === 3) stop();
    return load(batch);
  };
  const loop = new StageLoop(1, { ...stage, validateEvery: 2 }, task);
  expect(await loop.run(listener)).toBe(false);
  expect(lines).toEqual(["sheet 0", "step 1", "step 2", "saved 2"]);
  expect(measured).toBe(3);
  loop.dispose();
  task.dispose();
});

it("a stage that was stopped at its last step does what follows once more, and no step", async () => {
  const first = telling();
  const task = new SlowTask(first.stop);
  task.slowFrom = 2;
  const loop = new StageLoop(1, stage, task);
  expect(await loop.run(first.listener)).toBe(false);
  task.slowFrom = Number.POSITIVE_INFINITY;
  const { listener, lines } = telling();
  expect(await loop.run(listener)).toBe(true);
  expect(lines).toEqual(["measured 4", "saved 4", "sheet 4"]);
  loop.dispose();
  task.dispose();
});

it.each([
  [true, ["sheet 2", "step 3"]],
  [false, ["step 3"]],
])(
  "a stage that goes on draws the sheet of its step where that is not there: %s",
  async (lacks, told) => {
    const first = telling();
    const task = new SlowTask(first.stop);
    task.slowFrom = 1;
    const loop = new StageLoop(1, stage, task);
    expect(await loop.run(first.listener)).toBe(false);
    task.slowFrom = Number.POSITIVE_INFINITY;
    const { listener, lines } = telling();
    const asked: number[] = [];
    const lacksSample = (step: number): boolean => {
      asked.push(step);
      return lacks;
    };
    expect(await loop.run({ ...listener, lacksSample })).toBe(true);
    expect(asked).toEqual([2]);
    expect(lines).toEqual([...told, "step 4", "measured 4", "saved 4", "sheet 4"]);
    loop.dispose();
    task.dispose();
  },
);

it("a sheet that was done when the signal came is kept", async () => {
  const { listener, lines, stop } = telling();
  const task = new LineTask();
  const loop = new StageLoop(1, stage, task);
  const onSample: StageListener["onSample"] = async (step) => {
    lines.push(`sheet ${step}`);
    if (step === 2) stop();
  };
  expect(await loop.run({ ...listener, onSample })).toBe(false);
  expect(lines).toEqual(["sheet 0", "step 1", "step 2", "sheet 2", "step 3", "saved 3"]);
  loop.dispose();
  task.dispose();
});

it("a run that goes back before its first save keeps the losses of pictures that were renamed", async () => {
  const spiky = { ...stage, steps: 12, checkpointEvery: 12, spikes: { factor: 10, window: 5 } };
  const saved: StageState[] = [];
  const onCheckpoint: StageListener["onCheckpoint"] = async (state) =>
    void saved.push(copyOf(state));
  const before = new LineTask();
  const first = new StageLoop(1, { ...spiky, steps: 8 }, before);
  await first.run({ ...telling().listener, onCheckpoint });

  const after = new LineTask((losses, { index }) => (index === 9 ? losses.mul(1000) : losses));
  after.describe = (id) => `new-${id}.png`;
  const second = new StageLoop(1, spiky, after);
  const renamed = new Map(Array.from({ length: 20 }, (_, id) => [`${id}.png`, `new-${id}.png`]));
  const [newest] = saved;
  if (newest === undefined) throw new Error("Expected a checkpoint");
  second.restore(copyOf(newest), renamed);
  const newestState = async (): Promise<StageState> => copyOf(newest);
  await second.run({ ...telling().listener, onCheckpoint, newestState });

  const lossesIn = (state: StageState | undefined): unknown =>
    state?.groups.get("losses")?.get("pictures")?.toTypedArray();
  expect(saved).toHaveLength(3);
  expect(lossesIn(saved[1])).toEqual(lossesIn(newest));
  for (const { groups } of saved)
    for (const tensors of groups.values()) for (const each of tensors.values()) each.dispose();
  for (const each of [first, second, before, after]) each.dispose();
});

it.each([
  ["averages, which the stage keeps", stage],
  ["averages, which the stage no longer keeps", { ...stage, ema: null }],
])("disposes of all that it goes on from: %s", async (_, resumed) => {
  const saved: StageState[] = [];
  const onCheckpoint: StageListener["onCheckpoint"] = async (state) =>
    void saved.push(copyOf(state));
  const task = new LineTask();
  const first = new StageLoop(1, stage, task);
  await first.run({ ...telling().listener, onCheckpoint });
  const [state] = saved;
  if (state === undefined) throw new Error("Expected a checkpoint");
  expect([...state.groups.keys()]).toEqual(["weights", "ema", "optimizer", "losses"]);
  const second = new StageLoop(1, resumed, task);
  second.restore(state);
  const left = [...state.groups].flatMap(([name, tensors]) =>
    [...tensors].flatMap(([key, tensor]) => (tensor.isDisposed ? [] : [`${name}/${key}`])),
  );
  expect(left).toEqual([]);
  for (const each of [first, second, task]) each.dispose();
});

const copyOf = ({ groups, ...state }: StageState): StageState => ({
  ...state,
  groups: new Map(
    [...groups].map(([name, tensors]) => [
      name,
      new Map([...tensors].map(([key, tensor]) => [key, tensor.detach().clone()])),
    ]),
  ),
});

it("saves and draws after a step where it is asked to, and tells what it does", async () => {
  const { listener, lines } = telling();
  const task = new LineTask();
  const loop = new StageLoop(1, { ...stage, sampleEvery: null }, task);
  const asks = [
    { save: true, sample: false },
    { save: false, sample: true },
  ];
  const bands: unknown[] = [];
  await loop.run({
    ...listener,
    asked: () => asks.shift() ?? { save: false, sample: false },
    onActivity: (what, done) => done === undefined && lines.push(what),
    onStep: (report) => {
      bands.push(Object.keys(report.bands).length > 0);
      listener.onStep(report);
    },
  });
  expect(lines).toEqual([
    ...["sampling", "sheet 0", "step 1", "measured 1", "saving", "saved 1"],
    ...["step 2", "sampling", "sheet 2"],
    ...["step 3", "step 4", "measured 4", "saving", "saved 4", "sampling", "sheet 4"],
  ]);
  expect(bands).toEqual([true, true, true, true]);
  loop.dispose();
  task.dispose();
});

it("measures facts of the averaged weights, which the next stage starts from, and saves the trained ones", async () => {
  class FactsTask extends LineTask {
    override async facts(): Promise<Readonly<Record<string, number>>> {
      await sleep(1);
      return { first: this.model.weight.toFloat32Array()[0] ?? 0 };
    }
  }
  const task = new FactsTask();
  const given = { ...stage, ema: { decay: 0.9, warmup: false } };
  const loop = new StageLoop(1, given, task);
  const saved: unknown[] = [];
  const onCheckpoint: StageListener["onCheckpoint"] = async ({ state, groups }) => {
    const of = (group: string): number | undefined =>
      groups.get(group)?.get("line.weight")?.toFloat32Array()[0];
    saved.push(state.first === of("ema"), state.first === of("weights"));
  };
  await loop.run({ ...telling().listener, onCheckpoint });
  expect(saved).toEqual([true, false]);
  loop.dispose();
  task.dispose();
});
