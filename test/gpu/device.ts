import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import * as torch from "../../src/torch/index.ts";
import { writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { TwoDevices } from "../fixtures/two-devices.ts";

/** What the tests of this folder run on. "cpu" tries the tests themselves where there is no GPU. */
export const DEVICE: torch.Device = torch.chooseDevice(process.env.PIXART_TEST_DEVICE ?? "cuda");

/** Whether a GPU is tested; otherwise device and reference are the same processor, and all is equal. */
export const IS_GPU: boolean = DEVICE !== "cpu";

/**
 * Trainings in a folder with tiny data. On a GPU losses are compared and weights are not: an optimizer's first steps are as large for a
 * gradient that is rounding alone as for any other.
 */
export function tinyTrainings(): TwoDevices {
  const folder = mkdtempSync(join(tmpdir(), "pixart-gpu-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const equal = { lossDigits: 12, weights: { relative: 0, absolute: 0 } };
  const both = new TwoDevices(folder, DEVICE, IS_GPU ? { lossDigits: 2 } : equal);
  beforeAll(async () => {
    await writeTinyDataset(both.at("data"));
    await writeTinyEncoders(both.at("encoders"), ["a ball, red style", "a ring, blue style"]);
  });
  return both;
}

/** ‖value − reference‖ / ‖reference‖, of tensors anywhere and of any type. */
export function errorOf(value: torch.Tensor, reference: torch.Tensor): number {
  return torch.tidy(() => {
    const [mine, right] = [value, reference].map((each) =>
      each.to({ dtype: "float64", device: "cpu" }),
    ) as [torch.Tensor, torch.Tensor];
    return mine.sub(right).norm().item() / right.norm().item();
  });
}
