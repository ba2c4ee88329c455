import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { writeMadeCheckpoint, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { keptCheckpoints, newestDrawable } from "./run-checkpoints.ts";
import { readRunConfig } from "./run-folder.ts";

const GOLDEN = fileURLToPath(
  new URL("../../../test/faults/golden/version-1/step-00000007", import.meta.url),
);

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "pixart-kept-"));
});
afterEach(() => rmSync(run, { recursive: true }));

describe("keptCheckpoints", () => {
  it("tells of each where it lies, how large it is, and which is the best", async () => {
    const root = join(run, "checkpoints", "line");
    cpSync(GOLDEN, join(root, "step-00000007"), { recursive: true });
    writeFileSync(join(root, "best"), "step-00000007\n");
    const [kept, ...others] = await keptCheckpoints(run, { stages: [lineStage()] });
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ stage: "line", step: 7, name: "step-00000007", isBest: true });
    expect(kept?.path).toBe(join(root, "step-00000007"));
    expect(kept?.bytes).toBeGreaterThan(0);
    expect(kept?.mark).toMatch(/^[0-9a-f]{8}$/);
    expect(Date.parse(kept?.saved ?? "")).not.toBeNaN();
  });

  it("leaves out one that is damaged, and finds none where there is none", async () => {
    const folder = join(run, "checkpoints", "line", "step-00000007");
    cpSync(GOLDEN, folder, { recursive: true });
    appendFileSync(join(folder, "manifest.json"), "x");
    expect(await keptCheckpoints(run, { stages: [lineStage(), lineStage({ name: "b" })] })).toEqual(
      [],
    );
  });
});

describe("newestDrawable", () => {
  it("is the newest that is intact, and an error where there is none", async () => {
    await writeMadeRun(run, { steps: 3 });
    await expect(newestDrawable(run, readRunConfig(run))).rejects.toThrow(
      `The run ${run} has no checkpoint of a text-to-image stage yet. Train it further`,
    );
    for (const step of [1, 2]) writeMadeCheckpoint(run, step);
    appendFileSync(writeMadeCheckpoint(run, 3), "x");
    expect(await newestDrawable(run, readRunConfig(run))).toMatchObject({ step: 2 });
  });
});
