import { describe, it } from "vitest";
import { DEVICE, tinyTrainings } from "./device.ts";

const both = tinyTrainings();

describe(`fine-tuning on ${DEVICE} as on the CPU`, () => {
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
  ])("works with %s", async (name, changes) => {
    await both.train(name, both.fineTuning(changes));
  });
});
