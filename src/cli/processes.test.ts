import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { placeOf } from "./processes.ts";

describe("placeOf", () => {
  it("starts several processes a core, and no more", () => {
    const most = 4 * availableParallelism();
    expect(placeOf({ gpus: most })).toBe("launch");
    for (const gpus of [most + 1, 99_999_999]) {
      expect(() => placeOf({ gpus })).toThrow(
        new RegExp(
          `^Expected at most \\d+ for --gpus on this machine of \\d+ GPUs and \\d+ cores, which may have 4 processes each, but received ${gpus}$`,
        ),
      );
    }
  });
});
