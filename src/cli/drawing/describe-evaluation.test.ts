import { expect, it } from "vitest";
import type { RetrievalResult } from "../../evaluation/distances/retrieval.ts";
import type { Measured } from "../../evaluation/measure-captions.ts";
import { describeEvaluation } from "./describe-evaluation.ts";

const rates: RetrievalResult = {
  thingRate: 0.5,
  thingOfFiveRate: 0.75,
  groupRate: 0.8,
  styleRate: 0.9,
  pairRate: 0.4,
  chance: { thing: 0.01, group: 0.1, style: 0.25 },
  n: 4,
};
const nothing: Measured = {
  n: 4,
  nearest: undefined,
  choice: undefined,
  frechetDistance: undefined,
  kernelDistance: undefined,
  clipScore: undefined,
  autoencoder: { psnr: 30.04, nearest: undefined },
};

/** The cells of each line. */
const cells = (text: string): string[][] =>
  text.split("\n").map((line) => line.trim().split(/ {2,}/));

it("shows what the nearest real pictures are, and what else was measured", () => {
  const seen: Measured = {
    ...nothing,
    nearest: { pixels: rates, content: { ...rates, thingRate: 0.25 }, combined: rates },
    choice: { rate: 1, chance: 1 / 8, n: 4 },
    kernelDistance: { distance: 0.01, std: 0.002, subsets: 100, subsetSize: 2 },
    autoencoder: { psnr: 30.04, nearest: { pixels: rates, content: rates, combined: rates } },
  };
  const text = describeEvaluation({ seen, heldout: undefined });
  expect(cells(text)).toEqual([
    ["nearest real picture shows the", "thing", "thing in top 5", "group", "style", "pair"],
    ["trained on, by pixels", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by content", "25.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by both", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["real ones, encoded, by pixels", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by content", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by both", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by chance", "1.0 %", "10.0 %", "25.0 %"],
    [""],
    ["trained on"],
    ["pictures drawn", "4"],
    ["right caption of 8 chosen", "100.0 %"],
    ["kernel distance by content", "0.0100 ± 0.0020"],
    ["autoencoder keeps", "30.0 dB"],
  ]);
});

it("leaves out what could not be measured, and says what numbers are worth", () => {
  const side: Measured = {
    ...nothing,
    frechetDistance: { distance: 12.345, warning: "too few" },
    kernelDistance: { distance: -0.001, std: 0.002, subsets: 100, subsetSize: 2 },
    clipScore: { scores: [30, 31], mean: 30.5, truncated: 1 },
  };
  const text = describeEvaluation({ seen: side, heldout: nothing });
  expect(cells(text)).toEqual([
    ["trained on", "held out"],
    ["pictures drawn", "4", "4"],
    ["FID", "12.35"],
    ["KID", "-0.0010 ± 0.0020"],
    ["CLIP score", "30.50"],
    ["autoencoder keeps", "30.0 dB", "30.0 dB"],
    ["FID: too few"],
    ["CLIP score: CLIP read only the beginning of 1 captions"],
  ]);
});

it("shows held-out pictures alone, and nothing of real ones that can't be read", () => {
  const heldout: Measured = {
    ...nothing,
    nearest: { pixels: rates, content: undefined, combined: undefined },
    autoencoder: undefined,
  };
  expect(cells(describeEvaluation({ seen: undefined, heldout }))).toEqual([
    ["nearest real picture shows the", "thing", "thing in top 5", "group", "style", "pair"],
    ["held out, by pixels", "50.0 %", "75.0 %", "80.0 %", "90.0 %", "40.0 %"],
    ["by chance", "1.0 %", "10.0 %", "25.0 %"],
    [""],
    ["held out"],
    ["pictures drawn", "4"],
  ]);
});
