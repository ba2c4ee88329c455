import { describe, expect, it } from "vitest";
import { fastestDType } from "./device.ts";
import { engineInfo } from "./index.ts";

describe("fastestDType", () => {
  it("is bfloat16 where it is multiplied as such, and float32 elsewhere", () => {
    expect([true, false].map((has) => fastestDType("cpu", has))).toEqual(["bfloat16", "float32"]);
    expect(["cuda", "cuda:1", "mps"].map((device) => fastestDType(device, false))).toEqual([
      "bfloat16",
      "bfloat16",
      "float32",
    ]);
    const { devices, fastest } = engineInfo();
    expect(fastest).toEqual(devices.map((device) => fastestDType(device)));
    expect(fastestDType("auto")).toBe(fastestDType(devices.includes("cuda:0") ? "cuda" : "cpu"));
  });
});
