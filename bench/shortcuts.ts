/**
 * What do guidance in a part of the steps and T-GATE save, and what do they change? On pictures of the small shipped model, drawn in
 * each way from the same noise; and at XL/2's size, on random weights, what they save.
 * Usage: npx tsx bench/shortcuts.ts FOLDER [MODELS [ROUNDS]], where `pixart dataset emoji` made FOLDER, and random models are kept in
 * MODELS; writes bench/results/<date>-shortcuts.md.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLabelled, labelledPictures } from "../src/evaluation/labelled-pictures.ts";
import { psnr } from "../src/evaluation/psnr.ts";
import { type LabelledImage, retrieval } from "../src/evaluation/retrieval.ts";
import type { RgbImage } from "../src/images/index.ts";
import { PixArtTransformer2DModel } from "../src/models/index.ts";
import { type PixArtAlphaOptions, PixArtAlphaPipeline } from "../src/pipelines/index.ts";
import * as torch from "../src/torch/index.ts";
import { loadTrainingData } from "../src/training/training-data.ts";
import { describeMachine, load, threads } from "./machine.ts";
import { median } from "./measure.ts";
import { EXAMPLE, xl2Model } from "./models.ts";
import { here } from "./processes.ts";

const [folder, models = mkdtempSync(join(tmpdir(), "pixart-shortcuts-")), rounds = "3"] =
  process.argv.slice(2);
if (folder === undefined) throw new Error("Expected the folder that `pixart dataset emoji` made");

const STEPS = 20;
type Way = Pick<PixArtAlphaOptions, "guidanceInterval" | "tgate">;
const WAYS: readonly (readonly [name: string, way: Way])[] = [
  ["all of it", {}],
  ["guided in the first 3/4", { guidanceInterval: [0, 0.75] }],
  ["guided in the first half", { guidanceInterval: [0, 0.5] }],
  ["guided in the middle half", { guidanceInterval: [0.25, 0.75] }],
  ["T-GATE at 15, self-attention each 3", { tgate: { gateStep: 15, spInterval: 3 } }],
  ["T-GATE at 10, self-attention each 3", { tgate: { gateStep: 10, spInterval: 3 } }],
  ["T-GATE at 10, self-attention each 5", { tgate: { gateStep: 10, spInterval: 5 } }],
];

/** Real pictures of the demo's things. */
async function pictures(side: number): Promise<(LabelledImage & { readonly caption: string })[]> {
  const choice = {
    folder: folder as string,
    things: "demo",
    styles: null,
    heldoutShare: 0,
  } as const;
  const { train, heldout } = await loadTrainingData(choice);
  const examples = [...train, ...heldout].filter(isLabelled);
  const real = await labelledPictures(examples, side);
  return real.map((picture, i) => ({ ...picture, caption: examples[i]?.shortCaption ?? "" }));
}

/** Of each way: pictures of all captions, from the same noise. */
async function drawn(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
  way: Way,
): Promise<RgbImage[]> {
  const { images } = await pipe(captions, {
    ...way,
    numInferenceSteps: STEPS,
    useResolutionBinning: false,
    cleanCaption: false,
    seed: 0,
  });
  return [...images];
}

async function changeLines(): Promise<string[]> {
  const pipe = await PixArtAlphaPipeline.fromPretrained(EXAMPLE);
  const real = await pictures(64);
  const asked = real.filter((_, i) => i % 2 === 0);
  const exact: RgbImage[] = [];
  const lines: string[] = [];
  for (const [name, way] of WAYS) {
    const found: RgbImage[] = [];
    for (let from = 0; from < asked.length; from += 32) {
      const captions = asked.slice(from, from + 32).map(({ caption }) => caption);
      found.push(...(await drawn(pipe, captions, way)));
    }
    if (exact.length === 0) exact.push(...found);
    const labelled = found.map((image, i) => ({ ...(asked[i] as LabelledImage), image }));
    const { thingRate, styleRate } = retrieval(labelled, real);
    const distance = name === WAYS[0]?.[0] ? "" : psnr(found, exact).toFixed(1);
    const [thing, style] = [thingRate, styleRate].map((rate) => (100 * rate).toFixed(1));
    lines.push(`| ${name} | ${distance} | ${thing} % | ${style} % |`);
  }
  pipe.dispose();
  return lines;
}

/** Seconds of a picture's denoising at XL/2's size, each way in turns. */
async function timeLines(rounds: number): Promise<string[]> {
  const demo = await PixArtAlphaPipeline.fromPretrained(EXAMPLE);
  const transformer = await PixArtTransformer2DModel.fromPretrained(
    await xl2Model({ models, tiny: false }, 256),
    { dtype: "fastest" },
  );
  const { vae, tokenizer, scheduler } = demo;
  const pipe = PixArtAlphaPipeline.create({
    transformer,
    vae,
    textEncoder: null,
    tokenizer,
    scheduler,
  });
  const states = (length: number): torch.Tensor =>
    torch.randn([1, length, 4096], { generator: torch.generator(length) });
  const given = {
    promptEmbeds: states(20),
    promptAttentionMask: torch.ones([1, 20]),
    negativePromptEmbeds: states(20),
    // An empty negative prompt has one token.
    negativePromptAttentionMask: torch.cat([torch.ones([1, 1]), torch.zeros([1, 19])], 1),
    latents: torch.randn([1, 4, 32, 32], { generator: torch.generator(0) }),
    width: 128, // 4 pixels a latent with this autoencoder
    height: 128,
    useResolutionBinning: false,
    numInferenceSteps: STEPS,
    outputType: "latent",
  } as const;
  const seconds = WAYS.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, [, way]] of WAYS.entries()) {
      const start = performance.now();
      const { images } = await pipe(null, { ...given, ...way });
      seconds[i]?.push((performance.now() - start) / 1000);
      images.dispose();
    }
  }
  const [whole = []] = seconds;
  return WAYS.map(([name], i) => {
    const own = seconds[i] ?? [];
    const ratios = own.map((value, round) => (whole[round] ?? Number.NaN) / value);
    return `| ${name} | ${Math.min(...own).toFixed(2)} s | ${(Math.min(...whole) / Math.min(...own)).toFixed(2)} × | ${median(ratios).toFixed(2)} × |`;
  });
}

torch.setThreads(threads);
const [date, before] = [new Date().toISOString().slice(0, 10), load()];
const [changes, times] = [await changeLines(), await timeLines(Number(rounds))];
const text = [
  `# Less work by choice, ${date}`,
  "",
  `\`npx tsx bench/shortcuts.ts\`, ${describeMachine()}, Node ${process.version}. Load ${before} before, ${load()} after.`,
  `${STEPS} steps of DPM-Solver++, guidance 4.5.`,
  "",
  "Every second picture of the demo's data set, drawn by models/emoji-demo in float32: PSNR to what all of the work draws, and how often the nearest real picture (16x16 pixels) is of the right thing and in the right style:",
  "",
  "| way | PSNR, dB | thing | style |",
  "|--|--|--|--|",
  ...changes,
  "",
  `Denoising of one picture by XL/2 at 256 px, random weights, ${torch.fastestDType("cpu")}, by the best of ${rounds} rounds and by the median of the rounds' ratios:`,
  "",
  "| way | | best | median |",
  "|--|--|--|--|",
  ...times,
  "",
].join("\n");
writeFileSync(here(`results/${date}-shortcuts.md`), text);
process.stdout.write(text);
