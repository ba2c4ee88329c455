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
