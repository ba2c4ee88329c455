import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import type { TensorSpec } from "../../weights/index.ts";
import { forecastBytes, latestCheckpoint, openCheckpoint, saveCheckpoint } from "./checkpoint.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-checkpoint-"));
afterAll(() => rmSync(top, { recursive: true }));

describe("checkpoints of tensors", () => {
  const weights = new Map([
    ["w", torch.randn([4, 3], { generator: torch.generator(0) })],
    ["half", torch.randn([5], { generator: torch.generator(1) }).to({ dtype: "bfloat16" })],
  ]);
  const step = new Map([["step", torch.tensor(3, { dtype: "int64" })]]);
  const options = {
    step: 3,
    stage: "quality",
    state: { seed: 1 },
    groups: new Map([
      ["model", weights],
      ["optimizer", step],
    ]),
    keep: 1,
  };

  it("come back bit for bit", async () => {
    const path = await saveCheckpoint(join(top, "a"), options);
    for (const checkpoint of [await openCheckpoint(path), await latestCheckpoint(join(top, "a"))]) {
      expect(checkpoint).toMatchObject({ path, step: 3, stage: "quality", state: { seed: 1 } });
      expect(checkpoint?.groups).toEqual(["model", "optimizer"]);
      const read = checkpoint?.read("model");
      expect([...(read?.keys() ?? [])].sort()).toEqual(["half", "w"]);
      for (const [name, tensor] of weights) {
        expect(read?.get(name)?.dtype).toBe(tensor.dtype);
        expect(read?.get(name)?.toBytes()).toEqual(tensor.toBytes());
      }
      expect(checkpoint?.read("optimizer").get("step")?.item()).toBe(3);
    }
    expect(readFileSync(join(top, "a", "latest"), "utf8")).toBe("step-00000003\n");
  });

  it("are forecast from tensors as well as from their shapes", () => {
    const shapes = new Map<string, Map<string, TensorSpec>>([
      [
        "model",
        new Map([
          ["w", { dtype: "float32", shape: [4, 3] }],
          ["half", { dtype: "bfloat16", shape: [5] }],
        ]),
      ],
      ["optimizer", new Map([["step", { dtype: "int64", shape: [] }]])],
    ]);
    expect(forecastBytes(options.groups, options.state)).toBe(forecastBytes(shapes, options.state));
  });

  it("refuse groups that they do not have", async () => {
    const checkpoint = await openCheckpoint(await saveCheckpoint(join(top, "b"), options));
    expect(() => checkpoint.read("ema")).toThrow(
      `Expected one of model, optimizer for group but received ema (${checkpoint.path})`,
    );
  });

  it("are refused by name where the path is wrong, and absent where there are none", async () => {
    const path = join(top, "c", "step-00000009");
    await expect(openCheckpoint(path)).rejects.toThrow(
      `${join(path, "manifest.json")}: file: expected a readable manifest but found ENOENT`,
    );
    expect(await latestCheckpoint(join(top, "c"))).toBeUndefined();
  });
});
