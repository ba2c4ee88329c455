import { describe, expect, it } from "vitest";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { pixartHere } from "../integration/in-process.ts";
import { DEVICE, tinyTrainings } from "./device.ts";

const both = tinyTrainings();

describe(`training on ${DEVICE} as on the CPU`, () => {
  it("goes through the whole curriculum: autoencoder, classes, captions", async () => {
    await both.train("curriculum", tinyConfig(both.at("data")));
  });

  it.each([
    ["lora", { adapter: { type: "lora", r: 2 } }],
    ["both-loras", { adapter: { type: "lora" }, textEncoderAdapter: { type: "lora", r: 2 } }],
    ["lokr", { adapter: { type: "lokr", r: 2 } }],
    ["loha", { adapter: { type: "loha", r: 2 } }],
    ["oft", { adapter: { type: "oft", r: 4 } }],
    ["consistency", { loss: { type: "v" }, consistency: {} }],
    ["averages", { ema: { decay: 0.9 }, gradientAccumulation: 2 }],
    ["came", { optimizer: { type: "came", lr: 1e-4 } }],
    ["adafactor", { optimizer: { type: "adafactor", lr: 1e-3 } }],
    ["lion", { optimizer: { type: "lion", lr: 1e-4 } }],
    ["prodigy", { optimizer: { type: "prodigy" } }],
    ["muon", { optimizer: { type: "muon", lr: 1e-3 } }],
  ])("fine-tunes with %s", async (name, changes) => {
    await both.train(name, both.fineTuning(changes));
  });

  it.each([
    ["dora", { adapter: { type: "dora", r: 2 }, gradientCheckpointing: true }],
    ["controlnet", { controlnet: { blocks: 1, condition: "edges" } }],
  ])("trains %s on what it trained before", async (name, changes) => {
    await both.train(name, both.onTrained(changes));
  });

  it("computes in bfloat16 with checkpointing", async () => {
    const changes = { precision: "bfloat16", gradientCheckpointing: true };
    const files = [
      both.write("mixed", both.fineTuning(changes)),
      both.write("exact", both.fineTuning({})),
    ];
    for (const [i, run] of ["mixed", "exact"].entries()) {
      const where = ["--work-dir", both.at(run), "--device", DEVICE];
      await pixartHere("train", files[i] ?? "", ...where);
    }
    expect(both.lossesOf("mixed")).not.toEqual(both.lossesOf("exact"));
    await both.expectNear("mixed", "exact", ["captions"], { lossDigits: 1 });
  });
});
