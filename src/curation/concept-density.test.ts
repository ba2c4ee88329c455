import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readDataset } from "../data/read-dataset.ts";
import { RgbImage } from "../images/index.ts";
import { ConceptCounter, captionStatistics } from "./concept-density.ts";
import { densityChart } from "./density-chart.ts";
import { NounTagger } from "./noun-tagger.ts";

const work = mkdtempSync(join(tmpdir(), "pixart-density-"));
afterAll(() => rmSync(work, { recursive: true }));
const tagger = new NounTagger();

/** Captions with their nouns as a person marks them; the tagger is held to most, not to all. */
const MARKED: readonly (readonly [string, readonly string[]])[] = [
  ["A cat sleeps on the red sofa.", ["cat", "sofa"]],
  ["Two brown dogs are running through a field.", ["dogs", "field"]],
  ["A photograph of the Eiffel Tower at night", ["photograph", "eiffel", "tower", "night"]],
  ["The woman is wearing a blue dress and a hat.", ["woman", "dress", "hat"]],
  ["an oil painting of a stormy sea with a small boat", ["oil", "painting", "sea", "boat"]],
  ["Several people stand around a wooden table.", ["people", "table"]],
  ["A man holding an umbrella walks in the rain.", ["man", "umbrella", "rain"]],
  ["a bowl of fresh strawberries and cream", ["bowl", "strawberries", "cream"]],
  ["The old train passes a snowy mountain in Japan.", ["train", "mountain", "japan"]],
  ["A child plays with 3 colorful balloons.", ["child", "balloons"]],
];

describe("NounTagger", () => {
  it("finds the nouns that a person finds", () => {
    let found = 0;
    let right = 0;
    let marked = 0;
    for (const [caption, nouns] of MARKED) {
      const tagged = tagger.tag(caption).nouns;
      found += tagged.length;
      right += tagged.filter((noun) => nouns.includes(noun)).length;
      marked += nouns.length;
    }
    expect(right / found).toBeGreaterThanOrEqual(0.9);
    expect(right / marked).toBeGreaterThanOrEqual(0.9);
  });

  it("takes words alone, in lower case", () => {
    expect(tagger.tag('A DOG, 3 cats & "mice"!').words).toEqual(["a", "dog", "cats", "mice"]);
    expect(tagger.tag("")).toEqual({ words: [], nouns: [] });
  });
});

describe("ConceptCounter", () => {
  it("takes nouns for valid that appear more than ten times", () => {
    const counter = new ConceptCounter(tagger);
    for (let i = 0; i < 10; i++) counter.add("A cat on the sofa.");
    counter.add("A cat.");
    expect(counter.density()).toEqual({
      captions: 11,
      words: 52,
      vocabulary: 5,
      nouns: 21,
      distinctNouns: 2,
      validNouns: 1,
      validShare: 0.5,
      nounsPerCaption: 21 / 11,
      wordsPerCaption: 52 / 11,
      histogram: [0, 1, 10],
      frequentNouns: [
        ["cat", 11],
        ["sofa", 10],
      ],
    });
  });

  it("counts nothing in nothing", () => {
    expect(new ConceptCounter(tagger).density()).toMatchObject({
      captions: 0,
      validShare: 0,
      nounsPerCaption: 0,
      histogram: [],
    });
  });
});

describe("captionStatistics", () => {
  it("counts raw and dense captions of a data set, and draws them", async () => {
    const folder = join(work, "data");
    mkdirSync(folder);
    const lines = [
      { file_name: "a.png", text: "A cat.", dense_text: "A cat sleeps on the red sofa." },
      { file_name: "b.png", text: "A <dog> & more." },
    ];
    for (const { file_name } of lines)
      await RgbImage.filled(8, 8, [9, 9, 9]).save(join(folder, file_name));
    writeFileSync(join(folder, "metadata.jsonl"), lines.map((l) => JSON.stringify(l)).join("\n"));
    const statistics = await captionStatistics(await readDataset(folder));
    expect(statistics).toMatchObject({
      pictures: 2,
      raw: { captions: 2, nouns: 2 },
      dense: { captions: 1, nouns: 2, nounsPerCaption: 2 },
    });
    const chart = await densityChart(statistics);
    const seen = new Set<string>();
    for (let i = 0; i < chart.data.length; i += 3) seen.add(chart.data.slice(i, i + 3).join(","));
    // The colours of raw and of dense captions' bars.
    expect([seen.has("224,138,30"), seen.has("47,111,181")]).toEqual([true, true]);
    const rawAlone = await densityChart({ ...statistics, dense: null });
    expect([rawAlone.width, rawAlone.height]).toEqual([chart.width, chart.height]);
    expect(
      (await densityChart({ ...statistics, raw: new ConceptCounter(tagger).density() })).width,
    ).toBe(chart.width);
  });
});
