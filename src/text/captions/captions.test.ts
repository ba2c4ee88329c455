import { describe, expect, it } from "vitest";
import { prepareCaption } from "./captions.ts";

describe("prepareCaption", () => {
  it("lower-cases and strips", () => {
    expect(prepareCaption("  A Red FOX\n")).toBe("a red fox");
  });

  it("keeps white space within", () => {
    expect(prepareCaption("a  b\nc")).toBe("a  b\nc");
  });

  it("leaves nothing of an empty caption", () => {
    expect(prepareCaption("")).toBe("");
    expect(prepareCaption(" \t\u3000\x1f")).toBe("");
  });

  it("takes white space as Python does, not as JavaScript does", () => {
    expect(prepareCaption("\x85\x1cfox\ufeff")).toBe("fox\ufeff");
  });

  it("is quick on a megabyte of spaces", () => {
    const start = performance.now();
    expect(prepareCaption(`a${" ".repeat(1_000_000)}b`)).toHaveLength(1_000_002);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
