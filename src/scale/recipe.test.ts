import { describe, expect, it } from "vitest";
import { PIXART_ALPHA } from "./pixart-alpha.ts";
import { parseScaleRecipe } from "./recipe.ts";

describe("parseScaleRecipe()", () => {
  it("takes what it would write", () => {
    expect(parseScaleRecipe(JSON.stringify(PIXART_ALPHA), "a.json")).toEqual(PIXART_ALPHA);
  });

  it("lists all mistakes, each with its place", () => {
    const [stage] = PIXART_ALPHA.stages;
    const wrong = {
      ...PIXART_ALPHA,
      parameters: "many",
      stages: [{ ...stage, steps: 0.5, batch: 3, captioned: undefined }],
    };
    expect(() => parseScaleRecipe(JSON.stringify(wrong), "a.json")).toThrow(
      'a.json: parameters: expected a whole number from 1 but found "many"; stages.0.captioned: expected true or false but found nothing; stages.0.steps: expected a whole number from 1 but found 0.5; stages.0: expected no batch',
    );
  });

  it.each([
    ["[]", "b.json: the recipe: expected an object with the fields of a recipe but found []"],
    ["{", /^b\.json: expected JSON but found: /],
    [
      JSON.stringify({ ...PIXART_ALPHA, stages: [] }),
      "b.json: stages: expected a stage but found []",
    ],
    [
      JSON.stringify({ ...PIXART_ALPHA, stages: [3] }),
      "b.json: stages.0: expected an object with the fields of a stage but found 3",
    ],
  ])("refuses %s", (json, message) => {
    expect(() => parseScaleRecipe(json, "b.json")).toThrow(message);
  });
});
