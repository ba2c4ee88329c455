import { expect, it } from "vitest";
import type { StartRequest } from "../api-types.ts";
import { finetuneArguments } from "./start-request.ts";

const argumentsWith = (overrides: Record<string, string>): string[] => {
  const request = { name: "mine", folder: "data", base: "emoji-small", goal: "style" } as const;
  const asked: StartRequest = { ...request, minutes: 1, overrides, dry: false };
  return finetuneArguments(asked, "/data", "/work_dirs");
};

it("passes on how a run is to train and draw", () => {
  const overrides = {
    "stages.0.batchSize": "2",
    "stages.0.optimizer.lr": "1e-4",
    "stages.0.adapter": "null",
    "dataset.captionDropout": "0.2",
    "sampling.prompts": "[a fox]",
    seed: "7",
  };
  const all = argumentsWith(overrides);
  expect(all.slice(all.indexOf("--cfg-options") + 1)).toEqual(
    Object.entries(overrides).map(([path, value]) => `${path}=${value}`),
  );
});

it.each([
  ...["stages", "stages.0", "stages.0.name", "stages.0.kind", "stages.x.steps", "stages.0.steps."],
  ...["name", "workDir", "base", "device", "processes", "transformer", "textEncoder.pretrained"],
  ...["dataset", "dataset.folder", "dataset.cache.folder", "dataset.classFolder", "unknown", ""],
])("refuses to set %j", (path) => {
  expect(() => argumentsWith({ [path]: "{}" })).toThrow("paths of a config that a page may set");
});
