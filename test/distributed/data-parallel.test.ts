import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { trainedIn, trainInProcesses } from "../fixtures/stage-of-processes.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const STEPS = 20;
const folder = mkdtempSync(join(tmpdir(), "pixart-data-parallel-"));
afterAll(() => rmSync(folder, { recursive: true }));

const common = {
  kind: "text-to-image",
  name: "finetune",
  resolution: 16,
  steps: STEPS,
  optimizer: { lr: 1e-4, eps: 1e-4 },
  schedule: { type: "cosine", warmupSteps: 5 },
  ema: { decay: 0.9 },
  loss: { type: "v" },
  transform: { crop: "random", horizontalFlip: 0.5 },
};

/** A stage as one process does it, and what is different where several share it: 16 pictures, so passes end within batches. */
const cases = [
  { name: "plain", size: 2, alone: { batchSize: 6 }, shared: { batchSize: 3 } },
  {
    name: "accumulated",
    size: 2,
    alone: { batchSize: 4, gradientAccumulation: 3 },
    shared: { batchSize: 2, gradientAccumulation: 3 },
  },
  {
    name: "lora",
    size: 2,
    both: { adapter: { type: "lora", r: 4 }, gradientCheckpointing: true, ema: null },
    alone: { batchSize: 4 },
    shared: { batchSize: 2 },
  },
  {
    name: "buckets",
    size: 2,
    both: { aspectRatios: true, batchSize: 2, resolution: 256, steps: 6, ema: null },
    alone: { gradientAccumulation: 2 },
    shared: {},
  },
  {
    name: "sharded-optimizer",
    size: 2,
    both: { gradientAccumulation: 2 },
    alone: { batchSize: 4 },
    shared: { batchSize: 2, shardOptimizer: true },
  },
  {
    name: "uneven",
    size: 3,
    processes: 4,
    both: { batchSize: 2 },
    alone: { gradientAccumulation: 4 },
    shared: {},
  },
] as const;

const configOf = (data: string, stage: object, processes: number): object => ({
  seed: 3,
  base: BASE,
  processes,
  dataset: { folder: join(folder, data), denseCaptionProbability: 0 },
  stages: [{ ...common, ...stage }],
  sampling: { prompts: ["a ball"], steps: 1 },
});

/** Eleven pictures of three shapes, which fall into buckets of five, four and two. */
async function writeShapes(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  const shapes = [
    ...Array.from({ length: 5 }, () => [40, 40] as const),
    ...Array.from({ length: 4 }, () => [64, 32] as const),
    ...Array.from({ length: 2 }, () => [32, 64] as const),
  ];
  for (const [i, [width, height]] of shapes.entries()) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * (i + 3)) % 256);
    await new RgbImage(width, height, data).save(join(path, `${i}.png`));
    writeFileSync(join(path, `${i}.txt`), `picture ${i}`);
  }
}

const folders = new Map<string, string>();

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  await writeShapes(join(folder, "shapes"));
  const dataOf = (name: string): string => (name === "buckets" ? "shapes" : "data");
  const alone = cases.map((each) => ({
    name: each.name,
    config: configOf(dataOf(each.name), { ...("both" in each ? each.both : {}), ...each.alone }, 1),
  }));
  folders.set("alone", await trainInProcesses(1, folder, alone));
  for (const size of [2, 3]) {
    const shared = cases
      .filter((each) => each.size === size)
      .map((each) => ({
        name: each.name,
        config: configOf(
          dataOf(each.name),
          { ...("both" in each ? each.both : {}), ...each.shared },
          "processes" in each ? each.processes : size,
        ),
      }));
    folders.set(`${size}`, await trainInProcesses(size, folder, shared));
  }
}, 300_000);

describe.each(cases)("$size processes, $name", ({ name, size }) => {
  const one = (): string => folders.get("alone") ?? "";
  const many = (): string => folders.get(`${size}`) ?? "";

  it("lose what one process loses with all their pictures", () => {
    const [alone, shared] = [trainedIn(one(), name), trainedIn(many(), name)];
    expect(alone.losses.length).toBeGreaterThan(5);
    expect(shared.losses).toHaveLength(alone.losses.length);
    for (const [step, loss] of alone.losses.entries())
      expect(Math.abs((shared.losses[step] ?? Number.NaN) / loss - 1), `step ${step}`).toBeLessThan(
        1e-6,
      );
  });

  it("end with its weights, averages and moments", () => {
    using alone = readSafetensors(join(one(), `${name}-0.safetensors`));
    using shared = readSafetensors(join(many(), `${name}-0.safetensors`));
    expect([...shared.tensors.keys()].toSorted()).toEqual([...alone.tensors.keys()].toSorted());
    for (const key of [...alone.tensors.keys()].filter((each) => /^(weights|ema)\//.test(each))) {
      // A bias on attention keys has rounding alone for a gradient: it is measured against the weight beside it. So is an
      // adapter's B, which begins at zero and is the sum of twenty updates.
      const beside = key.replace(/to_k\.bias$/, "to_k.weight").replace("lora_B", "lora_A");
      const size = beside === key || !alone.tensors.has(beside) ? key : beside;
      torch.tidy(() => {
        const [a, b, s] = [alone.tensor(key), shared.tensor(key), alone.tensor(size)];
        expect(b.sub(a).norm().item() / s.norm().item(), key).toBeLessThan(1e-6);
      });
    }
  });

  it("end with the same bits in all ranks", () => {
    using first = readSafetensors(join(many(), `${name}-0.safetensors`));
    for (let rank = 1; rank < size; rank++) {
      using other = readSafetensors(join(many(), `${name}-${rank}.safetensors`));
      for (const key of [...other.tensors.keys()].filter((each) => /^(weights|ema)\//.test(each)))
        expect(
          torch.tidy(() => first.tensor(key).equal(other.tensor(key))),
          key,
        ).toBe(true);
      expect(trainedIn(many(), name, rank).losses).toEqual(trainedIn(many(), name).losses);
    }
  });
});
