import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { ARMS, CONTROLS, FULL } from "./arms.ts";
import { keepOptions, type LabOptions, readOptions } from "./options.ts";
import { planRun } from "./plan.ts";
import { dataFolder, type LabData, prepare } from "./prepare.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-lab-"));
const source = join(root, "emoji");
const folder = join(root, "lab");
const STYLES = ["noto", "openmoji", "twemoji", "fluent"];
const options: LabOptions = {
  data: source,
  vae: "models/emoji-demo/vae",
  things: 12,
  budget: 5,
  lr: 1e-3,
  precision: "float32",
  threads: 1,
  points: 20,
  split: "heldout",
  features: null,
};
const latents = { channels: 4, factor: 4 };
let data: LabData;

beforeAll(async () => {
  const png = await RgbImage.filled(8, 8, [250, 120, 0]).encodePng();
  const pairs = Array.from({ length: 16 }, (_, i) => i).flatMap((i) =>
    STYLES.map((style) => ({
      file_name: `images/${style}/${i}.png`,
      text: `a thing of number ${i}, ${style} style`,
      dense_text: `a thing of number ${i}, an emoji drawn in ${style} style: mostly orange, filling the frame`,
      thing: `thing ${i}`,
      style,
      group: `group ${i % 8}`,
      class: i,
      split: i % 2 === 0 && style === "noto" ? "heldout" : "train",
    })),
  );
  for (const style of STYLES) mkdirSync(join(source, "images", style), { recursive: true });
  for (const { file_name } of pairs) writeFileSync(join(source, file_name), png);
  const lines = pairs.map((pair) => `${JSON.stringify(pair)}\n`);
  writeFileSync(join(source, "metadata.jsonl"), lines.join(""));
  data = await prepare(folder, options);
});
afterAll(() => rmSync(root, { recursive: true }));

const planOf = (design: typeof FULL) =>
  planRun({ folder, run: join(folder, "run"), seed: 1 }, design, options, latents, data);

describe("planRun", () => {
  it("gives every arm the same operations, and measures each twenty times at the same ones", () => {
    for (const design of [...ARMS, ...CONTROLS]) {
      const { stages } = planOf(design);
      const tflop =
        stages.reduce((sum, { steps, operations }) => sum + steps * operations, 0) / 1e12;
      expect(Math.abs(tflop / options.budget - 1), design.name).toBeLessThan(0.05);
      const points = stages.map(({ steps, every }) => steps / every);
      expect(points.reduce((sum, count) => sum + count, 0)).toBe(20);
    }
  });

  it("counts dense captions, larger pictures and a modulation a block as more", () => {
    const [, captions32, captions64] = planOf(FULL).stages;
    const of = (name: string): number =>
      planOf(ARMS.find((arm) => arm.name === name) ?? FULL).stages[1]?.operations ?? 0;
    const full = captions32?.operations ?? 0;
    expect(captions64?.operations).toBeGreaterThan(2.5 * full);
    expect(of("C1")).toBeLessThan(full);
    expect(of("C2")).toBeGreaterThan(full);
    expect(of("B2")).toBeGreaterThan(full);
    expect(of("B2")).toBeLessThan(1.02 * full);
  });

  it("makes a config that the product takes", () => {
    const { config, stages } = planOf(FULL);
    expect(config.stages.map(({ name }) => name)).toEqual([
      "classes-32",
      "captions-32",
      "captions-64",
    ]);
    expect(config.stages.map(({ steps }) => steps)).toEqual(stages.map(({ steps }) => steps));
    expect(config.stages.map(({ optimizer }) => optimizer.lr)).toEqual([1e-3, 1e-3, 5e-4]);
    expect(config.dataset.folder).toBe(dataFolder(folder, "own"));
  });
});

describe("prepare", () => {
  it("makes the data sets once, with their pictures", async () => {
    for (const labels of ["own", "groups", "shuffled"] as const)
      expect(existsSync(join(dataFolder(folder, labels), "images/fluent/0.png"))).toBe(true);
    const path = join(dataFolder(folder, "own"), "metadata.jsonl");
    const before = readFileSync(path, "utf8");
    expect((await prepare(folder, { ...options, things: 3 })).pairs).toEqual(data.pairs);
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("keepOptions", () => {
  it("refuses a folder of a lab with other options", () => {
    const own = join(root, "options");
    keepOptions(own, options);
    keepOptions(own, options);
    expect(readOptions(own)).toEqual(options);
    expect(() => keepOptions(own, { ...options, budget: 6 })).toThrow(
      /^Expected a new folder for a lab with .*"budget":6.*, or its own, but received .*options, whose lab\.json says: /,
    );
    expect(() => readOptions(join(root, "none"))).toThrow("Expected the folder of a lab");
  });
});
