import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type PictureMetadata, RgbImage } from "../../images/index.ts";
import { recordToRepeat } from "./draw-jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-jobs-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("recordToRepeat", () => {
  it.each<[Required<PictureMetadata>["extra"], string]>([
    [
      { timesteps: "x" },
      'extra.timesteps: expected a list of at most 100000 numbers but found "x"',
    ],
    [{ sigmas: [1, null] }, "extra.sigmas.1: expected a number but found null"],
    [{ batchSize: 0 }, "extra.batchSize: expected an integer of at least 1 but found 0"],
    [{ guidanceInterval: [0] }, "extra.guidanceInterval: expected two numbers but found [0]"],
    [
      { tgate: { gateStep: 0 } },
      "extra.tgate.gateStep: expected an integer of at least 1 but found 0",
    ],
    [{ tgate: 3 }, "extra.tgate: expected an object but found 3"],
    [{ cleanCaption: 1 }, "extra.cleanCaption: expected true or false but found 1"],
  ])("says of %j what it should be", async (extra, reason) => {
    const path = join(folder, "x.png");
    const record = { prompt: "a fox", steps: 1, sampler: "ddim", guidanceScale: 1, seed: 0, extra };
    await RgbImage.filled(8, 8, [1, 2, 3]).save(path, record);
    await expect(recordToRepeat(path)).rejects.toThrow(
      `${path}: it cannot be redrawn from its record: ${reason}`,
    );
  });
});
