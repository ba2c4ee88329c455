import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { PixArtControlNetAdapterModel, PixArtTransformer2DModel } from "../../models/index.ts";
import type { ModelCard } from "./model-card.ts";
import { publishControlNet } from "./publish.ts";

const work = mkdtempSync(join(tmpdir(), "pixart-publish-"));
afterAll(() => rmSync(work, { recursive: true }));

const controlnet = PixArtControlNetAdapterModel.fromTransformer(
  new PixArtTransformer2DModel({
    sampleSize: 8,
    numLayers: 2,
    attentionHeadDim: 8,
    numAttentionHeads: 2,
    captionChannels: 16,
    crossAttentionDim: 16,
  }),
  { numLayers: 1 },
);
const card: ModelCard = {
  kind: "controlnet",
  title: "edges",
  className: "PixArtAlphaPipeline",
  base: null,
  recipe: "mine",
  dataset: "pictures",
  training: "The trained weights",
  prompts: [],
  hasResolutionBins: false,
};

it("takes the place of an empty folder", async () => {
  const out = join(work, "empty");
  mkdirSync(out);
  await publishControlNet(controlnet, out, { dtype: "float32", card });
  expect(readdirSync(out)).toContain("README.md");
});

it("leaves what was put into its folder while it published", async () => {
  const out = join(work, "taken");
  const late: ModelCard = {
    ...card,
    get title(): string {
      mkdirSync(out, { recursive: true });
      writeFileSync(join(out, "mine.txt"), "mine");
      return card.title;
    },
  };
  await expect(
    publishControlNet(controlnet, out, { dtype: "float32", card: late }),
  ).rejects.toThrow(
    new RegExp(
      `^Expected a new or empty folder to publish to but received ${out}. Choose another, or remove it first. What was written stays at ${work}/.tmp-taken-[0-9a-f]{12}/taken for inspection$`,
    ),
  );
  expect(readdirSync(out)).toEqual(["mine.txt"]);
});
