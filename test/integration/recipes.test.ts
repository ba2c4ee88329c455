import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { DEMO_THINGS } from "../../src/data/emoji/demo-things.ts";
import { withArticle } from "../../src/data/emoji/grammar.ts";
import { EMOJI_STYLES } from "../../src/data/emoji/packages.ts";
import { heldOutStyle } from "../../src/data/emoji/split.ts";

describe("the recipes in configs/", () => {
  it("go through the paper's curriculum", async () => {
    const { stages } = await loadConfig("emoji_demo");
    expect(stages.map(({ kind, resolution }) => [kind, resolution])).toEqual([
      ["autoencoder", 64],
      ["class-conditional", 32],
      ["text-to-image", 32],
      ["text-to-image", 64],
    ]);
    expect(stages.at(-1)).toMatchObject({ curated: true, interpolationScale: 2 });
  });

  it("differ in their data, the size of the transformer and length only", async () => {
    const [demo, full] = [await loadConfig("emoji_demo"), await loadConfig("emoji_full")];
    expect(demo.dataset.things).toBe("demo");
    expect(full.dataset.things).toBeNull();
    for (const part of ["autoencoder", "tokenizer", "textEncoder", "sampling"] as const) {
      expect(full[part]).toEqual(demo[part]);
    }
    const layers = ({ transformer }: typeof demo): number =>
      "pretrained" in transformer ? 0 : transformer.numLayers;
    expect(layers(full)).toBeGreaterThan(layers(demo));
    for (const [i, stage] of demo.stages.entries()) {
      expect(full.stages[i]?.steps).toBeGreaterThan(Number(stage.steps));
    }
  });

  it("sample eight things that training shows in that style, and eight that it does not", async () => {
    const { prompts } = (await loadConfig("emoji_demo")).sampling;
    const pairs = DEMO_THINGS.flatMap((thing) =>
      EMOJI_STYLES.map((style) => ({
        prompt: `${withArticle(thing)}, ${style} style`,
        heldOut: heldOutStyle(thing, EMOJI_STYLES) === style,
      })),
    );
    const heldOut = prompts.map((prompt) => pairs.find((pair) => pair.prompt === prompt)?.heldOut);
    expect(heldOut).toEqual([...Array(8).fill(false), ...Array(8).fill(true)]);
    expect(new Set(prompts).size).toBe(16);
  });
});
