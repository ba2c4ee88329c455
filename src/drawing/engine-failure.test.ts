import { expect, it } from "vitest";
import { InvalidValueError } from "../errors/index.ts";
import { NonFiniteError } from "../pipelines/index.ts";
import { TorchError } from "../torch/index.ts";
import { engineFailure } from "./engine-failure.ts";

it.each([
  [new DOMException("This operation was aborted", "AbortError"), "aborted"],
  [new NonFiniteError("The transformer gave NaN"), "not_finite"],
  [
    new TorchError(
      "empty(): DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
    ),
    "out_of_memory",
  ],
  [new TorchError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"],
  [new RangeError("Array buffer allocation failed"), "out_of_memory"],
  [
    new InvalidValueError("Expected at most 999 for numInferenceSteps but received 1000"),
    "invalid_value",
  ],
  [new TorchError("add(): Expected 3 channels but received 4"), "drawing_failed"],
  [new Error("Cannot read properties of undefined"), "drawing_failed"],
  ["a text", "drawing_failed"],
])("%s: %s", (error, code) => {
  expect(engineFailure(error).code).toBe(code);
});
