import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { finalFiles, losses, type RunStart, startRun, writeTinyRun } from "../fixtures/tiny-run.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-changed-by-two-"));
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

it("a run of two processes that is lengthened at resume equals one that was as long from the start", async () => {
  const configFile = await writeTinyRun(folder);
  const [straight, lengthened] = [join(folder, "straight"), join(folder, "lengthened")];
  const train = async (start: Omit<RunStart, "configFile" | "flags">): Promise<void> => {
    const child = startRun({ ...start, configFile, flags: ["--gpus", "2"] });
    expect(await once(child, "close")).toEqual([0, null]);
  };
  await train({ run: straight, steps: 14 });
  await train({ run: lengthened, steps: 8 });
  const options = ["stages.0.checkpointEvery=3", "stages.0.keepCheckpoints=1"];
  await train({ run: lengthened, steps: 14, resume: true, options });
  expect(finalFiles(lengthened, 14)).toEqual(finalFiles(straight, 14));
  expect(losses(lengthened)).toEqual(losses(straight));
}, 180_000);
