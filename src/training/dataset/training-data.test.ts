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
    `Nothing to train on is left in ${folder} (2 captioned pictures) after choosing things and styles and holding pictures out. Its splits: test (1, never trained on), validation (1, never trained on)`,
  );
});
