import { describe, expect, it } from "vitest";
import * as torch from "./index.ts";

const HAS_CUDA = torch.engineInfo().devices.includes("cuda:0");

// What a graph computes is tested where a GPU is: test/gpu/graph.test.ts.
describe("a recorded graph", () => {
  it("is refused where it cannot be, and nothing is called", () => {
    let calls = 0;
    const body = (): torch.Tensor => {
      calls++;
      return torch.ones([1]);
    };
    expect(() => torch.RecordedGraph.record("cpu", body)).toThrow(
      HAS_CUDA
        ? "Expected a device of CUDA for a graph but received cpu"
        : "This addon has no graphs: it was built against a libtorch without CUDA, or without CUDA's headers beside it",
    );
    expect(calls).toBe(0);
  });
});
