import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyConfig } from "../../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../../config/index.ts";
import { RgbImage } from "../../../images/index.ts";
import { loadTrainingData, stageExamples } from "../training-data.ts";
import { requireStagePictures } from "./stage-pictures.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-stage-pictures-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Checks the stages of the tiny config with a picture of each of some columns; returns what each stage trains on. */
async function pictures(name: string, lines: readonly object[]): Promise<number[]> {
  const folder = join(root, name);
  mkdirSync(folder);
  const png = await RgbImage.filled(4, 4, [1, 2, 3]).encodePng();
  for (const i of lines.keys()) writeFileSync(join(folder, `${i}.png`), png);
  const table = lines.map((line, i) =>
    JSON.stringify({ file_name: `${i}.png`, text: "x", ...line }),
  );
  writeFileSync(join(folder, "metadata.jsonl"), table.join("\n"));
  const config = configFromJson(JSON.stringify(tinyConfig(folder)), "tiny.json");
  const stages = config.stages.map((stage) =>
    stage.kind === "text-to-image" ? { ...stage, curated: true } : stage,
  );
  const data = await loadTrainingData({ folder, things: null, styles: null });
  requireStagePictures({ ...config, stages }, data);
  return stages.map((stage) => stageExamples(stage, data).train.length);
}

it("takes every picture as curated where there are no styles, else things in all of them", async () => {
  const things = [{ thing: "cat", class: 0 }, { thing: "dog", class: 1 }, { class: 1 }];
  expect(await pictures("no-styles", things)).toEqual([3, 3, 3, 3]);
  const styled = things.map((line, i) => ({ ...line, style: i === 1 ? "blue" : "red" }));
  expect(await pictures("styles", [...styled, { ...things[0], style: "blue" }])).toEqual([
    4, 4, 3, 3,
  ]);
});

it("refuses stages without pictures or classes, all at once", async () => {
  const lines = ["red", "blue"].map((style, class_) => ({ thing: style, style, class: class_ }));
  const place = (name: string): string => join(root, name);
  const nothing = (name: string, stage: string): string =>
    `Stage "${stage}" has no pictures to train on: it is curated, but none of the 2 pictures shows a thing that ${place(name)} has in every style. Set curated to false, or leave styles out with dataset.styles`;
  await expect(pictures("in-one-style", lines)).rejects.toThrow(
    ["alignment", "aesthetics"].map((stage) => nothing("in-one-style", stage)).join("\n"),
  );
  await expect(pictures("no-class", [{ thing: "a" }])).rejects.toThrow(
    `Stage "pixels" needs classes, but no picture chosen from ${place("no-class")} has a "class". Add that column, or leave the stage out`,
  );
  await expect(pictures("text-class", [{ class: null }, { class: "cat" }])).rejects.toThrow(
    `Stage "pixels" needs classes, but the "class" of the pictures chosen from ${place("text-class")} is not numeric: the first is "cat". Write a number for each class, or leave the stage out`,
  );
});
