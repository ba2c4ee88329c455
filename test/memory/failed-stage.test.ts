import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { configOf, loadRecipe } from "../../src/config/load-config.ts";
import * as torch from "../../src/torch/index.ts";
import { train } from "../../src/training/train.ts";
import { collectGarbage } from "../collect-garbage.ts";
import { writeTinyRun } from "../fixtures/tiny-run.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-failed-stage-"));
afterAll(() => rmSync(root, { recursive: true }));

it("a stage that fails before its first step gives back what was prepared for it", async () => {
  const file = await writeTinyRun(root);
  const trainWith = async (workDir: string, ...options: readonly string[]): Promise<number> => {
    const config = configOf(await loadRecipe(file), options);
    await collectGarbage();
    const before = torch.memory().tensors;
    await train(
      { ...config, workDir: join(root, workDir) },
      {
        resume: false,
        resumeCommand: "again",
        rehearsal: false,
        say: () => {},
      },
    ).catch((error: unknown) => expect(String(error)).toContain("too little room"));
    return torch.memory().tensors - before;
  };
  const left = await trainWith("whole");
  expect(await trainWith("failed", "stages.0.keepCheckpoints=1000000000")).toBe(left);
});
