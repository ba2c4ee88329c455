import { cpSync, existsSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { TrainConfig } from "../../src/config/index.ts";
import { freePort } from "../../src/distributed/free-port.ts";
import * as torch from "../../src/torch/index.ts";
import { pixartHere } from "../integration/in-process.ts";
import { DEVICE, IS_GPU, tinyTrainings } from "./device.ts";

const both = tinyTrainings();
/** Two processes of one seed add some sums in another order on a GPU. */
const NEAR = IS_GPU ? { lossDigits: 3 } : { lossDigits: 12, weights: { relative: 0, absolute: 0 } };
const EQUAL = { lossDigits: 12, weights: { relative: 0, absolute: 0 } };

const config = (): TrainConfig =>
  both.fineTuning({ steps: 6, checkpointEvery: 3, ema: { decay: 0.9 } });

/** Trains to the end, then once more from the checkpoint in the middle of a copy of that run. */
async function trainAndResume(name: string): Promise<void> {
  const file = both.write(name, config());
  const train = (run: string, ...more: string[]) =>
    pixartHere("train", file, "--work-dir", both.at(run), "--device", DEVICE, ...more);
  await train(`${name}-straight`);
  cpSync(both.at(`${name}-straight`), both.at(`${name}-broken`), { recursive: true });
  const last = both.at(`${name}-broken/checkpoints/captions/step-00000006`);
  rmSync(last, { recursive: true });
  await train(`${name}-broken`, "--resume");
  expect(existsSync(last)).toBe(true);
}

/** Of the steps after the checkpoint. */
const lastLosses = (run: string): number[] => both.lossesOf(run).slice(-3);

describe(`a run on ${DEVICE}`, () => {
  it("goes on as if it had not been stopped", async () => {
    await trainAndResume("resumed");
    const straight = lastLosses("resumed-straight");
    for (const [i, loss] of lastLosses("resumed-broken").entries())
      expect(loss).toBeCloseTo(straight[i] ?? Number.NaN, NEAR.lossDigits);
  });

  it("goes on equally to the last bit with deterministic kernels", async () => {
    torch.setDeterministic(true);
    try {
      await trainAndResume("exact");
    } finally {
      torch.setDeterministic(false);
    }
    expect(lastLosses("exact-broken")).toEqual(lastLosses("exact-straight"));
    const [broken, straight] = await Promise.all(
      ["exact-broken", "exact-straight"].map((run) => both.endOf(run, "captions")),
    );
    expect(broken?.size).toBeGreaterThan(0);
    for (const [key, tensor] of broken ?? [])
      expect(tensor.equal(straight?.get(key) ?? torch.zeros([])), key).toBe(true);
  });

  it("computes alone in a process group as without one", async () => {
    const file = both.write("group", config());
    const run = (name: string) => ["--work-dir", both.at(name), "--device", DEVICE];
    await pixartHere("train", file, ...run("alone"));
    const variables = {
      ...{ RANK: "0", WORLD_SIZE: "1", LOCAL_RANK: "0", LOCAL_WORLD_SIZE: "1" },
      ...{ MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(await freePort()) },
    };
    Object.assign(process.env, variables);
    try {
      await pixartHere("train", file, ...run("grouped"), "--launcher", "pytorch");
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
    }
    await both.expectNear("grouped", "alone", ["captions"], IS_GPU ? NEAR : EQUAL);
  });

  it("has collectives on the device", () => {
    if (IS_GPU) expect(torch.hasNccl()).toBe(true);
    const store = torch.Store.file(both.at("store"), 10_000);
    const membership = { store, rank: 0, size: 1, timeout: 60_000 };
    const group = IS_GPU
      ? torch.ProcessGroup.nccl(membership)
      : torch.ProcessGroup.gloo(membership, { address: "127.0.0.1" });
    torch.tidy(() => {
      const x = torch.tensor([[1, 2]]).to({ device: DEVICE });
      group.allReduce(x);
      group.broadcast(x);
      expect(x.tolist()).toEqual([[1, 2]]);
      expect(group.allGather(x).tolist()).toEqual([[1, 2]]);
      expect(group.reduceScatter(x).tolist()).toEqual([[1, 2]]);
      const w = torch.tensor([3]).to({ device: DEVICE }).requiresGrad_();
      const reducer = new torch.GradientReducer(group, new Map([["w", w]]));
      reducer.announce();
      torch.backward(w.mul(2).sum());
      reducer.check();
      expect(w.grad?.tolist()).toEqual([2]);
      reducer.dispose();
    });
  });
});
