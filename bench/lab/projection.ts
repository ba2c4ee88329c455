import { PIXART_ALPHA, V100_DAYS_PER_A100_DAY } from "../../src/scale/pixart-alpha.ts";
import { diTForward, pixArtForward, withBackward } from "../flops.ts";
import type { Comparison } from "./compare.ts";
import { table } from "./tables.ts";

/** Days as table 2 of the paper states them, PixArt-α's as its versions do. */
const STATED = [
  { name: "PixArt-α, first version of the paper", days: 675 },
  { name: "PixArt-α, last version", days: 753 },
  { name: "GigaGAN", days: 4783 },
  { name: "Stable Diffusion 1.5", days: 6250 },
  { name: "Imagen (its own paper: TPU v4)", days: 7132 },
  { name: "DALL·E 2", days: 41_667 },
  { name: "RAPHAEL", days: 60_000 },
] as const;
const STABLE_DIFFUSION = 6250;
const DAYS = 675;
/** Dense peak of an A100 in half precision, FLOP/s. */
const A100_PEAK = 312e12;
const CAPTION_TOKENS = 120;
const XL2 = { layers: 28, width: 1152, patchSize: 2, inChannels: 4, outChannels: 8 } as const;
const T5_WIDTH = 4096;
const DAY = 86_400;

const digits = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 0 });
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

const statedTable = (): string =>
  table(
    ["model", "A100 days, stated", "of Stable Diffusion 1.5's"],
    STATED.map(({ name, days }) => [name, digits(days), percent(days / STABLE_DIFFUSION)]),
  );

interface CountedStage {
  readonly name: string;
  readonly pictures: number;
  /** Of a picture, forward and backward. */
  readonly operations: number;
}

/** The paper's stages with operations counted as the lab's are; encoders ran before. */
export const countedStages = (): CountedStage[] =>
  PIXART_ALPHA.stages.map(({ name, captioned, resolution, steps, batchSize }) => {
    const tokens = (resolution / 8 / XL2.patchSize) ** 2;
    const forward = captioned
      ? pixArtForward({ ...XL2, captionChannels: T5_WIDTH }, tokens, CAPTION_TOKENS)
      : diTForward(XL2, tokens);
    return { name, pictures: steps * batchSize, operations: withBackward(forward) };
  });

function countedTable(): string {
  const stages = countedStages();
  const total = stages.reduce((sum, { pictures, operations }) => sum + pictures * operations, 0);
  const rows = stages.map(({ name, pictures, operations }) => [
    name,
    `${(pictures / 1e6).toFixed(0)} M`,
    (operations / 1e12).toFixed(2),
    ((pictures * operations) / 1e18).toFixed(0),
    percent((pictures * operations) / total),
  ]);
  const speed = total / (753 * DAY);
  return [
    table(["stage", "pictures", "TFLOP per picture", "EFLOP", "share"], rows),
    "",
    `In all ${(total / 1e21).toFixed(2)} ZFLOP (counted). In 753 A100 days (stated; ${V100_DAYS_PER_A100_DAY} V100 days each, stated) that is ${(speed / 1e12).toFixed(0)} TFLOP/s of each A100, ${percent(speed / A100_PEAK)} of its peak of 312 (NVIDIA's data sheet).`,
  ].join("\n");
}

function withoutTable({ arms, budget }: Comparison): string {
  const days = (ratio: number): string =>
    Number.isFinite(ratio) ? digits(ratio * DAYS) : Number.isNaN(ratio) ? "?" : "?";
  const rows = arms
    .filter(({ name }) => name !== "FULL")
    .map(({ name, what, ratio: { value, low, high } }) => [
      `${name}: ${what}`,
      Number.isFinite(value)
        ? `${value.toFixed(2)} (measured)`
        : `not within ${budget} TFLOP (measured)`,
      `${days(value)} (${days(low)} to ${days(high)})`,
    ]);
  return table(["change", "operations over FULL's", "675 days would be"], rows);
}

/** The paper's numbers, and what the lab's would make of them; every number says where it is from. */
export const projection = (comparison: Comparison | undefined): string =>
  [
    "Stated in table 2 of the paper (arXiv 2310.00426; the abstract of its first version says 675 days and 10.8 %):",
    "",
    statedTable(),
    "",
    "What SDXL took has not been published. Stable Diffusion 1.5's days are its model card's 150,000 A100 hours.",
    "",
    "The paper's own recipe (steps and batches stated in its table 4), its operations counted as the lab's are, captions of 120 tokens (assumed to be padded to the full length), features of both encoders computed in advance (stated), no recomputation for gradient checkpointing (assumed):",
    "",
    countedTable(),
    ...(comparison === undefined
      ? []
      : [
          "",
          "The lab's ratios times the paper's days. **Assumed, and unproven: that a ratio of operations at 4 M weights, 64 px and hundreds of pictures is also one of days at 600 M, 1024 px and 25 M pictures.** It says what the miniature would predict, and not what the paper measured:",
          "",
          withoutTable(comparison),
        ]),
  ].join("\n");
