import type { CLIPScore } from "../../evaluation/clip-score.ts";
import type { RetrievalResult } from "../../evaluation/distances/retrieval.ts";
import type { Measured } from "../../evaluation/measure-captions.ts";
import type { Evaluation } from "../../evaluation/measure-model.ts";
import type { NearestRates } from "../../evaluation/nearest-pictures.ts";
import { table } from "../terminal/table.ts";

const percent = (rate: number | undefined): string =>
  rate === undefined ? "" : `${(100 * rate).toFixed(1)} %`;

/** The measurements as tables. */
export function describeEvaluation(evaluation: Evaluation): string {
  const nearest = nearestLines(evaluation);
  const blank = nearest.length > 0 ? [""] : [];
  return [...nearest, ...blank, ...otherLines(evaluation), ...warnings(evaluation)].join("\n");
}

/** Reasons why a number means less than it seems to. */
function warnings({ seen, heldout }: Evaluation): string[] {
  const told = [seen, heldout].flatMap((side) => [
    ...(side?.frechetDistance?.warning === undefined
      ? []
      : [`FID: ${side.frechetDistance.warning}`]),
    ...cutCaptions(side?.clipScore),
  ]);
  return [...new Set(told)];
}

/** A warning if CLIP has not read all of some captions. */
export const cutCaptions = (score: CLIPScore | undefined): string[] =>
  score === undefined || score.truncated === 0
    ? []
    : [`CLIP score: CLIP read only the beginning of ${score.truncated} captions`];

/** The measurements that there are, by name. */
const sidesOf = ({ seen, heldout }: Evaluation): (readonly [name: string, side: Measured])[] =>
  Object.entries({ "trained on": seen, "held out": heldout }).flatMap(([name, side]) =>
    side === undefined ? [] : [[name, side] as const],
  );

/** What the nearest real pictures show; nothing if the data set does not name it. */
function nearestLines(evaluation: Evaluation): string[] {
  const sides = sidesOf(evaluation);
  const chance = sides[0]?.[1].nearest?.pixels.chance;
  if (chance === undefined) return [];
  const { thing, group, style } = chance;
  return table([
    ["nearest real picture shows the", "thing", "thing in top 5", "group", "style", "pair"],
    ...sides.flatMap(([name, side]) => measuredRows(name, side)),
    ["by chance", percent(thing), "", percent(group), percent(style), ""],
  ]);
}

const measuredRows = (name: string, { nearest, autoencoder }: Measured): string[][] => [
  ...rows(name, nearest),
  ...rows("  real ones, encoded", autoencoder?.nearest),
];

function rows(name: string, rates: NearestRates | undefined): string[][] {
  const row = (by: string, found: RetrievalResult | undefined): string[][] => {
    if (found === undefined) return [];
    const { thingRate, thingOfFiveRate, groupRate, styleRate, pairRate } = found;
    return [[by, ...[thingRate, thingOfFiveRate, groupRate, styleRate, pairRate].map(percent)]];
  };
  const indent = " ".repeat(name.search(/\S/) + 2);
  return [
    ...row(`${name}, by pixels`, rates?.pixels),
    ...row(`${indent}by content`, rates?.content),
    ...row(`${indent}by both`, rates?.combined),
  ];
}

function otherLines(evaluation: Evaluation): string[] {
  const named = sidesOf(evaluation);
  const sides = named.map(([, side]) => side);
  const captions = Math.round(1 / (sides.find(({ choice }) => choice)?.choice?.chance ?? 1));
  const row = (name: string, value: (side: Measured) => string): string[][] => {
    const values = sides.map(value);
    return values.every((text) => text === "") ? [] : [[name, ...values]];
  };
  return table([
    ["", ...named.map(([name]) => name)],
    ...row("pictures drawn", ({ n }) => String(n)),
    ...row(`right caption of ${captions} chosen`, ({ choice }) => percent(choice?.rate)),
    ...row("FID", ({ frechetDistance: found }) =>
      found === undefined ? "" : found.distance.toFixed(2),
    ),
    ...row(
      sides[0]?.frechetDistance === undefined ? "kernel distance by content" : "KID",
      ({ kernelDistance: found }) =>
        found === undefined ? "" : `${found.distance.toFixed(4)} ± ${found.std.toFixed(4)}`,
    ),
    ...row("CLIP score", ({ clipScore }) => clipScore?.mean.toFixed(2) ?? ""),
    ...row("autoencoder keeps", ({ autoencoder }) =>
      autoencoder === undefined ? "" : `${autoencoder.psnr.toFixed(1)} dB`,
    ),
  ]);
}
