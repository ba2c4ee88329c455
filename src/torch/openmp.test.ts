import { describe, expect, it } from "vitest";
import { spinCount } from "./openmp.ts";

describe("spinCount", () => {
  it("lets threads wait for each other where nobody else runs", () => {
    expect(spinCount(1)).toBeUndefined();
  });

  it("keeps them from spinning where others run, or where the system doesn't tell", () => {
    expect(spinCount(2)).toBe("1000");
    expect(spinCount(Number.POSITIVE_INFINITY)).toBe("1000");
  });

  it("asks the system itself", () => {
    expect([undefined, "1000"]).toContain(spinCount());
  });
});
