import { describe, expect, it } from "vitest";
import { pixartHere } from "../../test/integration/in-process.ts";

interface Recipe {
  readonly name: string;
  readonly about: string;
  readonly base: string | null;
}

describe("pixart recipes", () => {
  it("says what each recipe is for, what it begins from, and its data and stages", async () => {
    const { stdout } = await pixartHere("recipes");
    expect(stdout).toMatch(
      /^emoji_demo: PixArt-α's whole curriculum .*\n {2}from new weights, on data\/emoji; pixels .*\nemoji_full: /,
    );
    expect(stdout).toContain(
      "  from emoji-small, on data/openmoji-parquet; finetune 64 px × 4 epochs\n",
    );
  });

  it("gives the same as JSON, each recipe with a sentence that stands by itself", async () => {
    const { stdout } = await pixartHere("recipes", "--json");
    const recipes = JSON.parse(stdout) as Recipe[];
    expect(recipes.length).toBeGreaterThan(20);
    const unclear = recipes.filter(({ about }) => !/^(?!The same).{30,}\.$/s.test(about));
    expect(unclear).toEqual([]);
    expect(recipes.find(({ name }) => name === "emoji_demo")).toMatchObject({
      base: null,
      data: "data/emoji",
      stages: [
        { name: "pixels", resolution: 32, steps: 300 },
        { name: "alignment", resolution: 32, steps: 1000 },
        { name: "aesthetics", resolution: 64, steps: 2200 },
      ],
    });
  }, 120_000);
});
