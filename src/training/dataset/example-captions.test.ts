import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import { captionsOfExample, chosenCaption } from "./example-captions.ts";
import { type Example, loadTrainingData } from "./training-data.ts";

const work = await mkdtemp(join(tmpdir(), "pixart-captions-"));
afterAll(() => rm(work, { recursive: true }));

async function examples(lines: readonly object[], instancePrompt?: string): Promise<Example[]> {
  const folder = join(work, String(instancePrompt));
  await mkdir(folder);
  const png = await RgbImage.filled(4, 4, [1, 2, 3]).encodePng();
  await Promise.all(lines.map((_, i) => writeFile(join(folder, `${i}.png`), png)));
  const table = lines.map((line, i) => JSON.stringify({ file_name: `${i}.png`, ...line }));
  await writeFile(join(folder, "metadata.jsonl"), table.join("\n"));
  const choice = { folder, things: null, styles: null, instancePrompt: instancePrompt ?? null };
  return [...(await loadTrainingData(choice)).train];
}

const LINES = [
  { text: ["a", "b", "c"] },
  { text: "one", dense_text: "a long one" },
  { text: ["x", "y"], dense_text: "long" },
];

describe("captions of examples", () => {
  it("are all known, and DreamBooth's alone where there is one", async () => {
    const all = await examples(LINES);
    expect(all.map(captionsOfExample)).toEqual([
      ["a", "b", "c", "a"],
      ["one", "a long one"],
      ["x", "y", "long"],
    ]);
    const own = await examples(LINES, "sks");
    expect(own.map(captionsOfExample)).toEqual(LINES.map(() => ["sks", "sks"]));
  });

  it("are the class prompt alone for DreamBooth's class pictures", async () => {
    await examples(LINES.slice(1), "class");
    const { prior } = await loadTrainingData({
      ...{ folder: join(work, "class"), things: null, styles: null },
      ...{ classFolder: join(work, "class"), classPrompt: "a dog" },
    });
    expect(prior.map(captionsOfExample)).toEqual([
      ["a dog", "a dog"],
      ["a dog", "a dog"],
    ]);
  });

  it("are dense where a picture has that and the batch takes them, else one of several", () => {
    const several = { shortCaption: "a", shortCaptions: ["a", "b", "c"], denseCaption: "a" };
    const both = { ...several, denseCaption: "long" };
    const single = { shortCaption: "a", denseCaption: "long" };
    const shares = [0, 0.34, 0.67, 0.9999999];
    expect(shares.map((share) => chosenCaption(several, false, share))).toEqual([..."abcc"]);
    expect(shares.map((share) => chosenCaption(several, true, share))).toEqual([..."abcc"]);
    expect(chosenCaption(both, true, 0.5)).toBe("long");
    expect(chosenCaption(both, false, 0.5)).toBe("b");
    expect([chosenCaption(single, true, 0.9), chosenCaption(single, false, 0.9)]).toEqual([
      "long",
      "a",
    ]);
  });

  it("are drawn evenly, and the same again for the same seed and positions", () => {
    const several = { shortCaption: "a", shortCaptions: ["a", "b", "c"], denseCaption: "a" };
    const drawn = (): string[] =>
      new SampleRng(1, "stage/caption", [...Array(300).keys()])
        .uniform()
        .map((share) => chosenCaption(several, false, share));
    const first = drawn();
    expect(drawn()).toEqual(first);
    for (const caption of several.shortCaptions) {
      const count = first.filter((text) => text === caption).length;
      expect(count).toBeGreaterThan(70);
      expect(count).toBeLessThan(130);
    }
  });
});
