import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PixArtConfig } from "../../src/config/index.ts";
import { RgbImage } from "../../src/images/index.ts";
import * as torch from "../../src/torch/index.ts";
import { latestCheckpoint } from "../../src/training/checkpoint.ts";
import { readEvents } from "../../src/training/event-log.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

// A GPU cannot be had everywhere. This device refuses what one would refuse: operators on tensors of two places.

const BUILD = fileURLToPath(new URL("../../build", import.meta.url));
const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const DEVICE = "second:0";
const folder = mkdtempSync(join(tmpdir(), "pixart-second-device-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  execFileSync("cmake", ["--build", BUILD, "--target", "second-device"], { stdio: "pipe" });
  process.dlopen({ exports: {} } as NodeJS.Module, join(BUILD, "second-device.node"));
  await writeTinyDataset(at("data"));
  await writeTinyEncoders(at("encoders"), ["a ball, red style", "a ring, blue style"]);
});

const write = (name: string, config: PixArtConfig): string => {
  writeFileSync(at(`${name}.json`), JSON.stringify({ ...config, name }));
  return at(`${name}.json`);
};

/** What a run's steps and measurements lost. */
const lossesOf = (run: string): number[] =>
  readEvents(join(at(run), "events.jsonl")).flatMap((event) => {
    if (event.type === "step") return [event.loss];
    if (event.type === "validation") return Object.values(event.losses);
    return [];
  });

/** Weights, averages and optimizer state at the end of a run's stage. */
async function endOf(run: string, stage: string): Promise<Map<string, torch.Tensor>> {
  const checkpoint = await latestCheckpoint(join(at(run), "checkpoints", stage));
  if (checkpoint === undefined)
    throw new Error(`expected a checkpoint of stage ${stage} in ${run}`);
  return new Map(
    checkpoint.groups.flatMap((group) =>
      [...checkpoint.read(group)].map(([key, tensor]) => [`${group}/${key}`, tensor] as const),
    ),
  );
}

/** The runs differ by no more than the rounding of sums in another order. */
async function expectEqual(run: string, other: string, stages: readonly string[]): Promise<void> {
  const [losses, others] = [lossesOf(run), lossesOf(other)];
  expect(losses.length).toBeGreaterThan(0);
  expect(losses.length).toBe(others.length);
  for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(others[i] ?? Number.NaN, 5);
  for (const stage of stages) {
    const [tensors, wanted] = [await endOf(run, stage), await endOf(other, stage)];
    expect([...tensors.keys()].toSorted()).toEqual([...wanted.keys()].toSorted());
    for (const [key, tensor] of tensors) {
      // A bias of all keys moves no attention: its gradient is rounding alone, which some optimizers enlarge.
      if (/to_k\.bias$/.test(key)) continue;
      const reference = wanted.get(key) ?? tensor;
      expect(
        tensor.to({ dtype: "float64" }).allclose(reference.to({ dtype: "float64" }), 1e-3, 1e-5),
        key,
      ).toBe(true);
    }
  }
}

/** Trains a config on both devices, each with features that it made itself unless it shares the CPU's, and compares. */
async function trainOnBoth(name: string, config: PixArtConfig, shares = false): Promise<void> {
  const file = write(name, config);
  for (const device of ["cpu", DEVICE]) {
    const run = ["--work-dir", at(`${name}-${device}`), "--device", device];
    const cache = config.dataset.cache?.folder;
    const own =
      cache && !shares ? ["--cfg-options", `dataset.cache.folder=${cache}-${device}`] : [];
    await pixartHere("train", file, ...run, ...own);
  }
  await expectEqual(
    `${name}-${DEVICE}`,
    `${name}-cpu`,
    config.stages.map((stage) => stage.name ?? ""),
  );
}

/** A fine-tuning on frozen encoders, changed. */
function fineTuning(
  changes: object,
  more: Partial<PixArtConfig> = {},
  cache: string | null = at("cache"),
): PixArtConfig {
  const plain = pretrainedConfig(at("data"), at("encoders"), cache);
  const [stage] = plain.stages;
  if (stage?.kind !== "text-to-image") throw new Error("expected a text-to-image stage");
  return { ...plain, ...more, stages: [{ ...stage, ...changes }] };
}

describe("a device that is not the CPU", () => {
  it("is one of the engine's", () => {
    expect(torch.engineInfo().devices).toEqual(["cpu", DEVICE]);
    expect(torch.chooseDevice("second")).toBe(DEVICE);
    expect(torch.chooseDevice("auto")).toBe("cpu");
    expect(() => torch.chooseDevice("second", 1)).toThrow(
      "Expected a device that is here for process 1 of this machine but received second. This process sees second:0: start no more processes on a machine than it has",
    );
    expect(() => torch.chooseDevice("cuda:3")).toThrow(
      /received cuda:3\. The loaded libtorch .* has cpu, second:0/,
    );
  });

  it("refuses operators on tensors of two places, and tells of its memory", () => {
    torch.tidy(() => {
      const here = torch.ones([2, 2]);
      const there = here.to({ device: DEVICE });
      expect(() => here.matmul(there)).toThrow(/same device/);
      const before = torch.deviceMemory(DEVICE)?.free ?? 0;
      torch.empty([1024, 256], { device: DEVICE });
      expect(before - (torch.deviceMemory(DEVICE)?.free ?? 0)).toBe(2 ** 20);
      expect(torch.deviceMemory("cpu")).toBeUndefined();
    });
  });

  it("begins a model with the CPU's numbers", async () => {
    const { construct, Linear } = await import("../../src/nn/index.ts");
    const build = (device: torch.Device) =>
      construct({ device, generator: torch.generator(3) }, () => new Linear(4, 3));
    const [there, here] = [build(DEVICE), build("cpu")];
    expect(there.device).toBe(DEVICE);
    expect(there.weight.toFloat32Array()).toEqual(here.weight.toFloat32Array());
  });

  it("trains the whole curriculum", async () => {
    await trainOnBoth("curriculum", tinyConfig(at("data")));
  });

  it("fine-tunes, measures held-out loss and samples", async () => {
    const changes = { validateEvery: 2, sampleEvery: 2, ema: { decay: 0.9 } };
    const dataset = { folder: at("data"), heldoutShare: 0.2, cache: { folder: at("cache") } };
    await trainOnBoth("finetune", fineTuning(changes, { dataset }));
    const names = readdirSync(at(`finetune-${DEVICE}/samples`));
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const [there, here] = await Promise.all(
        [DEVICE, "cpu"].map((device) => RgbImage.decode(at(`finetune-${device}/samples/${name}`))),
      );
      expect(there?.data).toEqual(here?.data);
    }
  });

  it.each([
    ["lora", { adapter: { type: "lora", r: 2 } }],
    ["both-loras", { adapter: { type: "lora" }, textEncoderAdapter: { type: "lora", r: 2 } }],
    ["lokr", { adapter: { type: "lokr", r: 2 } }],
    ["loha", { adapter: { type: "loha", r: 2 } }],
    ["oft", { adapter: { type: "oft", r: 4 } }],
    ["consistency", { loss: { type: "v" }, consistency: {} }],
    [
      "pyramid",
      { noise: { type: "pyramid" }, loss: { type: "v", huberDelta: 0.1, minSnrGamma: 5 } },
    ],
    [
      "offset",
      {
        noise: { type: "offset", inputPerturbation: 0.1 },
        timesteps: { type: "later" },
        loss: { type: "epsilon" },
      },
    ],
    ["came", { optimizer: { type: "came", lr: 1e-4 }, gradientAccumulation: 2 }],
    ["adafactor", { optimizer: { type: "adafactor", lr: 1e-3 } }],
    ["lion", { optimizer: { type: "lion", lr: 1e-4 } }],
    ["prodigy", { optimizer: { type: "prodigy" } }],
    ["muon", { optimizer: { type: "muon", lr: 1e-3 } }],
  ])("trains with %s", async (name, changes) => {
    // Muon makes the small singular values of a gradient, rounding among them, as large as the others: both round alike then.
    torch.setOwnKernels(name !== "muon");
    try {
      await trainOnBoth(name, fineTuning(changes), name === "muon");
    } finally {
      torch.setOwnKernels(true);
    }
  });

  it.each([
    ["dora", { adapter: { type: "dora", r: 2 }, gradientCheckpointing: true }],
    ["controlnet", { controlnet: { blocks: 1, condition: "edges" } }],
  ])("trains with %s on what it trained before", async (name, changes) => {
    const transformer = { numLayers: 2, numAttentionHeads: 2, attentionHeadDim: 12 };
    const plain = fineTuning({ steps: 2 }, { transformer });
    const [stage] = plain.stages;
    const stages = [...plain.stages, { ...stage, name: "part", ...changes }];
    await trainOnBoth(name, { ...plain, stages } as PixArtConfig);
  });

  it("trains in mixed precision", async () => {
    const file = write("mixed", fineTuning({ precision: "bfloat16", gradientCheckpointing: true }));
    await pixartHere("train", file, "--work-dir", at("mixed"), "--device", DEVICE);
    await pixartHere("train", write("float32", fineTuning({})), "--work-dir", at("float32"));
    const [mixed, exact] = [lossesOf("mixed"), lossesOf("float32")];
    expect(mixed).not.toEqual(exact);
    for (const [i, loss] of mixed.entries()) expect(loss).toBeCloseTo(exact[i] ?? Number.NaN, 1);
  });

  it("takes latents that PixArt's tools made", async () => {
    const made = at("made");
    mkdirSync(made);
    const [picture] = readdirSync(at("data")).filter((name) => name.endsWith(".png"));
    const shape = [8, 16, 16];
    const words = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
    const header = Buffer.alloc(128, " ");
    header.write("\x93NUMPY\x01\x00", "latin1");
    header.writeUInt16LE(118, 8);
    header.write(words, 10);
    header.write("\n", 127);
    const values = Buffer.from(new Float32Array(8 * 16 * 16).fill(0.5).buffer);
    writeFileSync(
      join(made, `${picture?.replace(".png", "")}.npy`),
      Buffer.concat([header, values]),
    );
    const file = write("features", fineTuning({}, {}, at("features-cache")));
    const { stderr } = await pixartHere(
      ...["precompute", file, "--device", DEVICE, "--latent-features", made],
    );
    expect(stderr).toMatch(/1 .*taken/);
  });

  it("encodes in every step", async () => {
    await trainOnBoth("online", fineTuning({}, {}, null));
  });

  it("goes on with a run that began on another one", async () => {
    const file = write("moved", fineTuning({ steps: 4, checkpointEvery: 2 }));
    await pixartHere("train", file, "--work-dir", at("unmoved"), "--device", "cpu");
    await pixartHere("train", file, "--work-dir", at("moved"), "--device", DEVICE);
    rmSync(at("moved/checkpoints/captions/step-00000004"), { recursive: true });
    await pixartHere("train", file, "--work-dir", at("moved"), "--device", "cpu", "--resume");
    const tail = lossesOf("moved").slice(-2);
    for (const [i, loss] of tail.entries())
      expect(loss).toBeCloseTo(lossesOf("unmoved").slice(-2)[i] ?? Number.NaN, 5);
  });

  it("draws the same picture, from a published model, a run and with an adapter", async () => {
    const draw = async (device: string, model: string, ...more: string[]) => {
      const out = at(`pictures-${device}`);
      const { stdout } = await pixartHere(
        ...["sample", model, "a red ball", "--steps", "4", "--device", device, "--out", out],
        ...more,
      );
      return (await RgbImage.decode(stdout.trim().split("\n")[0] ?? "")).data;
    };
    await RgbImage.filled(64, 64, [200, 40, 40]).save(at("picture.png"));
    await RgbImage.filled(64, 64, [255, 255, 255]).save(at("mask.png"));
    const samples: readonly (readonly [string, ...string[]])[] = [
      [BASE],
      [BASE, "--scheduler", "euler"],
      [BASE, "--scheduler", "lcm"],
      [BASE, "--scheduler", "ddim", "--eta", "1", "--images", "2", "--batch", "2"],
      [BASE, "--init-image", at("picture.png"), "--strength", "0.6", "--mask", at("mask.png")],
      [at(`lora-${DEVICE}`)],
    ];
    for (const [model, ...more] of samples) {
      const [there, here] = [await draw(DEVICE, model, ...more), await draw("cpu", model, ...more)];
      const worst = there.reduce((most, v, i) => Math.max(most, Math.abs(v - (here[i] ?? 0))), 0);
      expect(worst).toBeLessThanOrEqual(1);
    }
  });

  it("encodes prompts ahead", async () => {
    for (const device of ["cpu", DEVICE]) {
      const out = at(`prompts-${device}.safetensors`);
      await pixartHere("embed", BASE, "a red ball", "--device", device, "--out", out);
    }
    const { readSafetensors } = await import("../../src/weights/index.ts");
    using there = readSafetensors(at(`prompts-${DEVICE}.safetensors`));
    using here = readSafetensors(at("prompts-cpu.safetensors"));
    expect(here.tensors.size).toBeGreaterThan(0);
    for (const name of here.tensors.keys())
      expect(there.tensor(name).allclose(here.tensor(name), 1e-5, 1e-6)).toBe(true);
  });
});
