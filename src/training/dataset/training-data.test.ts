import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { loadTrainingData } from "./training-data.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-training-data-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder with a picture and its caption in each of some folders. */
async function dataset(name: string, folders: readonly string[]): Promise<string> {
  const png = await RgbImage.filled(4, 4, [1, 2, 3]).encodePng();
  for (const folder of folders) {
    mkdirSync(join(root, name, folder), { recursive: true });
    writeFileSync(join(root, name, folder, "a.png"), png);
    writeFileSync(join(root, name, folder, "a.txt"), folder);
  }
  return join(root, name);
}

const choice = { things: null, styles: null };

it("never trains on validation and test pictures, by whichever name", async () => {
  const folder = await dataset("splits", ["Train", "valid", "test2017", "held-out", "more"]);
  const { train, heldout } = await loadTrainingData({ folder, ...choice, heldoutShare: 0.9 });
  expect(train.map(({ shortCaption }) => shortCaption)).toEqual(["Train", "more"]);
  expect(heldout.map(({ shortCaption }) => shortCaption)).toEqual([
    "held-out",
    "test2017",
    "valid",
  ]);
});

it("says which splits there are where none is trained on", async () => {
  const folder = await dataset("test-alone", ["test", "val"]);
  await expect(loadTrainingData({ folder, ...choice })).rejects.toThrow(
    `Nothing to train on is left in ${folder} (2 captioned pictures) after choosing groups, things and styles and holding pictures out. Its splits: test (1, never trained on), validation (1, never trained on)`,
  );
});

it("chooses by group, then things of it, and names what the data does not have", async () => {
  const folder = await dataset("groups", ["animals", "food"]);
  const lines = [
    { file_name: "animals/a.png", text: "a fox", thing: "fox", group: "animals", style: "noto" },
    { file_name: "food/a.png", text: "an apple", thing: "apple", group: "food", style: "noto" },
  ];
  writeFileSync(join(folder, "metadata.jsonl"), lines.map((l) => JSON.stringify(l)).join("\n"));
  const trained = async (part: object): Promise<string[]> =>
    (await loadTrainingData({ folder, ...choice, ...part })).train.map((e) => e.shortCaption);
  expect(await trained({ groups: ["animals"] })).toEqual(["a fox"]);
  expect(await trained({ groups: ["animals", "food"] })).toEqual(["a fox", "an apple"]);
  expect(await trained({ groups: ["animals"], things: 1 })).toEqual(["a fox"]);
  await expect(trained({ groups: ["animals", "foods"] })).rejects.toThrow(
    `The data set ${folder} has no pictures of: foods. Name groups that its "group" column lists`,
  );
  await expect(trained({ styles: ["noto", "emojione"] })).rejects.toThrow(
    `The data set ${folder} has no pictures of: emojione. Name styles that its "style" column lists`,
  );
});
