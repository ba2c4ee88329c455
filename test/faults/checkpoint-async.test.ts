import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import * as torch from "../../src/torch/index.ts";
import {
  latestCheckpoint,
  listCheckpoints,
  saveCheckpoint,
} from "../../src/training/checkpoints/checkpoint.ts";
import { interceptCalls } from "./file-system-calls.ts";

const SAVES = 30;
const root = mkdtempSync(join(tmpdir(), "pixart-async-"));
afterAll(() => rmSync(root, { recursive: true }));

it(`${SAVES} saves on a slow disk hold the values of their step, though training goes on meanwhile`, async () => {
  const weight = torch.zeros([257]);
  const moment = torch.zeros([257], { dtype: "bfloat16" });
  const groups = new Map([
    ["model", new Map([["weight", weight]])],
    ["optimizer", new Map([["moment", moment]])],
  ]);
  const state = { losses: [0] };
  let isSaving = false;
  let stepsDuringSaves = 0;
  const saveAndCompare = async (step: number): Promise<void> => {
    isSaving = true;
    await saveCheckpoint(root, { step, stage: "align", state, groups, keep: 2 });
    isSaving = false;
    const checkpoint = await latestCheckpoint(root);
    expect(checkpoint).toMatchObject({ step, state: { losses: [step] } });
    expect(checkpoint?.read("model").get("weight")?.eq(step).all().item()).toBe(1);
    expect(checkpoint?.read("optimizer").get("moment")?.eq(step).all().item()).toBe(1);
  };
  const restore = interceptCalls(root, async (_call, perform) => {
    await sleep(1);
    return perform();
  });
  try {
    for (let step = 1; step <= SAVES; step++) {
      weight.fill_(step);
      moment.fill_(step);
      state.losses = [step];
      const saving = saveAndCompare(step);
      for (let ahead = 1; ahead <= 5; ahead++) {
        weight.add_(0.5);
        moment.mul_(-3);
        state.losses.push(ahead);
        if (isSaving) stepsDuringSaves++;
        await sleep(1);
      }
      await saving;
    }
  } finally {
    restore();
  }
  expect(stepsDuringSaves).toBeGreaterThan(2 * SAVES);
  expect((await listCheckpoints(root)).map(({ step }) => step)).toEqual([SAVES - 1, SAVES]);
});
