import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { summarizeRun } from "./run-summary.ts";

it("takes the lowest held-out loss of those that are numbers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-summary-"));
  const run = join(folder, "run");
  try {
    const heldout = { 10: Number.NaN, 20: 0.5, 30: 0.4, 40: 0.6, 50: Number.POSITIVE_INFINITY };
    await writeMadeRun(run, { steps: 60, heldout });
    expect((await summarizeRun(run)).stages[0]).toMatchObject({
      heldout: { step: 40, loss: 0.6 },
      lowestHeldout: { step: 30, loss: 0.4 },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
