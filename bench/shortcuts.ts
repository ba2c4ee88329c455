/**
 * What do guidance in a part of the steps and T-GATE save, and what do they change? On pictures of the small shipped model, drawn in
 * each way from the same noise; and at XL/2's size, on random weights, what they save.
 * Usage: npx tsx bench/shortcuts.ts FOLDER [MODELS [ROUNDS]], where `pixart dataset emoji` made FOLDER, and random models are kept in
 * MODELS; writes bench/results/<date>-shortcuts.md.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { averagedDown } from "../src/evaluation/distances/averaged-down.ts";
import { psnr } from "../src/evaluation/distances/psnr.ts";
import { type Label, type LabelledRows, retrieval } from "../src/evaluation/distances/retrieval.ts";
import { drawCaptions } from "../src/evaluation/draw-captions.ts";
import { readPictures } from "../src/evaluation/read-pictures.ts";
import type { RgbImage } from "../src/images/index.ts";
import { PixArtTransformer2DModel } from "../src/models/index.ts";
import { type PixArtAlphaOptions, PixArtAlphaPipeline } from "../src/pipelines/index.ts";
import * as torch from "../src/torch/index.ts";
import { loadTrainingData } from "../src/training/dataset/training-data.ts";
import { describeMachine, load, threads } from "./machine.ts";
import { median } from "./measure.ts";
import { EXAMPLE, xl2Model } from "./models.ts";
import { here } from "./processes.ts";

const [folder, models = mkdtempSync(join(tmpdir(), "pixart-shortcuts-")), rounds = "3"] =
  process.argv.slice(2);
if (folder === undefined) throw new Error("Expected the folder that `pixart dataset emoji` made");

const STEPS = 20;
const GUIDANCE = 4.5;
/** What the small model draws. */
const SIDE = 64;
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

/** Real pictures of the demo's things: what they show, and their pixels. */
async function realPictures(side: number): Promise<LabelledRows & { captions: string[] }> {
  const choice = {
    folder: folder as string,
    things: "demo",
    styles: null,
    heldoutShare: 0,
  } as const;
  const { train, heldout } = await loadTrainingData(choice);
  const [labels, captions, rows]: [Label[], string[], Float32Array[]] = [[], [], []];
  for await (const { entries, images } of readPictures([...train, ...heldout], side)) {
    for (const { thing = "", style = "", shortCaption } of entries) {
      labels.push({ thing, style });
      captions.push(shortCaption);
    }
    rows.push(...images.map(averagedDown));
  }
  return { labels, captions, rows };
}

async function changeLines(): Promise<string[]> {
  const pipe = await PixArtAlphaPipeline.fromPretrained(EXAMPLE);
  const real = await realPictures(SIDE);
  const asked = [...real.captions.keys()].filter((i) => i % 2 === 0);
  const captions = asked.map((i) => real.captions[i] ?? "");
  const labels = asked.map((i) => real.labels[i] as Label);
  const drawing = { steps: STEPS, guidanceScale: GUIDANCE, seed: 0, size: SIDE };
  const exact: RgbImage[] = [];
  const lines: string[] = [];
  for (const [name, way] of WAYS) {
    const found: RgbImage[] = [];
    // All ways begin from the same noise.
    for await (const images of drawCaptions(pipe, captions, { ...drawing, ...way }))
      found.push(...images);
    if (exact.length === 0) exact.push(...found);
    const { thingRate, styleRate } = retrieval({ labels, rows: found.map(averagedDown) }, real);
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
