import type { ResolvedStage } from "../../config/index.ts";
import * as torch from "../../torch/index.ts";

/** Runs a stage's computation in its precision, on the device of its weights. */
export function inPrecision<T>(
  { precision }: ResolvedStage,
  device: torch.Device,
  body: () => T,
): T {
  return precision === "float32"
    ? body()
    : torch.autocast(torch.deviceKind(device), precision, body);
}
