import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { summarizeRun } from "./run-summary.ts";

it("takes the mean and the lowest of those losses that are numbers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-summary-"));
  const run = join(folder, "run");
  try {
    const heldout = { 10: Number.NaN, 20: 0.5, 30: 0.4, 40: 0.6, 50: Number.POSITIVE_INFINITY };
    const losses = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [i + 1, i < 10 ? 9 : i % 2 === 0 ? Number.NaN : 0.5]),
    );
    await writeMadeRun(run, { steps: 60, heldout, losses });
    expect((await summarizeRun(run)).stages[0]).toMatchObject({
      loss: 0.5,
      heldout: { step: 40, loss: 0.6 },
      lowestHeldout: { step: 30, loss: 0.4 },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
