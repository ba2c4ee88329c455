import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { countedStages, projection } from "./projection.ts";
import { replaceBetween } from "./report.ts";

describe("replaceBetween", () => {
  it("puts text between its marks and leaves the rest", () => {
    const document = "before\n<!-- lab -->\nold\n<!-- /lab -->\nafter\n";
    const found = replaceBetween(document, "lab", "new");
    expect(found).toBe("before\n<!-- lab -->\nnew\n<!-- /lab -->\nafter\n");
    expect(replaceBetween(found, "lab", "new")).toBe(found);
  });

  it("says which marks are missing", () => {
    expect(() => replaceBetween("text", "lab", "new")).toThrow(
      "Expected <!-- lab --> and <!-- /lab --> in the document",
    );
  });
});

describe("the projection", () => {
  it("counts what the paper's stages take of a picture", () => {
    // XL/2 at 256 px is DiT's 118.6 G multiply-adds, of which a picture takes two operations, three times with the backward pass.
    const [pixels, alignment] = countedStages();
    expect((pixels?.operations ?? 0) / 1e9).toBeCloseTo(6 * 118.6, -1);
    // Cross-attention to 120 tokens: queries and outputs of 256 tokens, keys and values of 120, in 28 blocks.
    const cross = 2 * 1152 ** 2 * (256 + 120) + 2 * 256 * 120 * 1152;
    const caption = 120 * (4096 * 1152 + 1152 ** 2);
    const modulations = 27 * 6 * 1152 ** 2 + 2 * 1152 ** 2; // DiT's own, and its last layer's
    const more = 28 * cross + caption - modulations;
    expect((alignment?.operations ?? 0) - (pixels?.operations ?? 0)).toBeCloseTo(6 * more, -3);
  });

  it("stands in the document as it is made", () => {
    const document = readFileSync(new URL("../../docs/efficiency.md", import.meta.url), "utf8");
    const stated = projection(undefined);
    expect(document).toContain(stated);
    expect(stated).toContain("| PixArt-α, first version of the paper | 675 | 10.8 % |");
  });
});
