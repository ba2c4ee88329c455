import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import * as torch from "../../src/torch/index.ts";
import { writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { TwoDevices } from "../fixtures/two-devices.ts";
import { pixartHere } from "./in-process.ts";

// A GPU cannot be had everywhere. This device refuses what one would refuse: operators on tensors of two places.

const BUILD = fileURLToPath(new URL("../../build", import.meta.url));
const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const DEVICE = "second:0";
const folder = mkdtempSync(join(tmpdir(), "pixart-second-device-"));
// They differ by no more than the rounding of sums in another order.
const both = new TwoDevices(folder, DEVICE, {
  lossDigits: 5,
  weights: { relative: 1e-3, absolute: 1e-5 },
});
const at = (name: string): string => both.at(name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  execFileSync("cmake", ["--build", BUILD, "--target", "second-device"], { stdio: "pipe" });
  process.dlopen({ exports: {} } as NodeJS.Module, join(BUILD, "second-device.node"));
  await writeTinyDataset(at("data"));
  await writeTinyEncoders(at("encoders"), ["a ball, red style", "a ring, blue style"]);
});

describe("a device that is not the CPU", () => {
  it("is one of the engine's", () => {
    expect(torch.engineInfo().devices).toEqual(["cpu", DEVICE]);
    expect(torch.chooseDevice("second")).toBe(DEVICE);
    expect(torch.chooseDevice("auto")).toBe("cpu");
    expect(() => torch.chooseDevice("second", 1)).toThrow(
      "Expected an available device for process 1 of this machine but received second. This process sees second:0: start no more processes on a machine than it has",
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
    await both.train("curriculum", tinyConfig(at("data")));
  });

  it("fine-tunes, measures held-out loss and samples", async () => {
    const changes = { validateEvery: 2, sampleEvery: 2, ema: { decay: 0.9 } };
    const dataset = { folder: at("data"), heldoutShare: 0.2, cache: { folder: at("cache") } };
    await both.train("finetune", both.fineTuning(changes, { dataset }));
    const names = readdirSync(at("finetune-there/samples"), {
      recursive: true,
      encoding: "utf8",
    }).filter((name) => name.endsWith(".png"));
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const [there, here] = await Promise.all(
        ["there", "here"].map((place) => RgbImage.decode(at(`finetune-${place}/samples/${name}`))),
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
      await both.train(name, both.fineTuning(changes), name === "muon");
    } finally {
      torch.setOwnKernels(true);
    }
  });

  it.each([
    ["dora", { adapter: { type: "dora", r: 2 }, gradientCheckpointing: true }],
    ["controlnet", { controlnet: { blocks: 1, condition: "edges" } }],
  ])("trains with %s on what it trained before", async (name, changes) => {
    await both.train(name, both.onTrained(changes));
  });

  it("trains in mixed precision", async () => {
    const file = both.write(
      "mixed",
      both.fineTuning({ precision: "bfloat16", gradientCheckpointing: true }),
    );
    await pixartHere("train", file, "--work-dir", at("mixed"), "--device", DEVICE);
    await pixartHere(
      "train",
      both.write("float32", both.fineTuning({})),
      "--work-dir",
      at("float32"),
    );
    const [mixed, exact] = [both.lossesOf("mixed"), both.lossesOf("float32")];
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
    const file = both.write("features", both.fineTuning({}, {}, at("features-cache")));
    const { stderr } = await pixartHere(
      ...["precompute", file, "--device", DEVICE, "--latent-features", made],
    );
    expect(stderr).toMatch(/1 .*taken/);
  });

  it("encodes in every step", async () => {
    await both.train("online", both.fineTuning({}, {}, null));
  });

  it("goes on with a run that began on another one", async () => {
    const file = both.write("moved", both.fineTuning({ steps: 4, checkpointEvery: 2 }));
    await pixartHere("train", file, "--work-dir", at("unmoved"), "--device", "cpu");
    await pixartHere("train", file, "--work-dir", at("moved"), "--device", DEVICE);
    rmSync(at("moved/checkpoints/captions/step-00000004"), { recursive: true });
    await pixartHere("train", file, "--work-dir", at("moved"), "--device", "cpu", "--resume");
    const tail = both.lossesOf("moved").slice(-2);
    for (const [i, loss] of tail.entries())
      expect(loss).toBeCloseTo(both.lossesOf("unmoved").slice(-2)[i] ?? Number.NaN, 5);
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
      [at("lora-there")],
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
    for (const name of here.tensors.keys()) {
      const [a, b] = [there.tensor(name).float(), here.tensor(name).float()];
      const largest = b.abs().amax().item();
      expect(a.sub(b).abs().amax().item(), name).toBeLessThanOrEqual(1e-5 * largest);
    }
  });
});
