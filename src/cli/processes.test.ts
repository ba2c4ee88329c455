import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { launch, processesOf } from "./processes.ts";

describe("processes of a command", () => {
  it("are several a core, and no more, but in a plan for another machine", async () => {
    const most = 4 * availableParallelism();
    for (const gpus of [most, most + 1]) expect(processesOf({ gpus })).toBe("launch");
    for (const gpus of [most + 1, 99_999_999]) {
      await expect(launch({ gpus })).rejects.toThrow(
        new RegExp(
          `^Expected at most \\d+ for --gpus on this machine with \\d+ GPUs and \\d+ cores, with at most 4 processes per core, but received ${gpus}$`,
        ),
      );
    }
  });
});
