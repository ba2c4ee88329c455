import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import {
  AutoencoderKL,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../src/models/index.ts";
import { construct, type Module } from "../../src/nn/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { DPMSolverMultistepScheduler } from "../../src/schedulers/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("controlnet-pipeline.py", import.meta.url));

interface Call {
  readonly name: string;
  readonly prompt: readonly string[];
  readonly negativePrompt: string;
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
  readonly numImagesPerPrompt: number;
  readonly width: number;
  readonly height: number;
  /** Width and height before resizing to those asked for. */
  readonly drawnAt: readonly [number, number];
  readonly maxSequenceLength: number;
  readonly seeds: readonly number[];
  readonly control?: readonly RgbImage[];
}

/** Bright lines on black, about as an edge map has them. */
function edges(width: number, height: number, slope: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 255 * Math.max(0, Math.sin((8 * x) / width + (slope * y) / height)) ** 3;
  });
  return new RgbImage(width, height, data);
}

const base: Call = {
  name: "guided",
  prompt: ["a red fox in the snow"],
  negativePrompt: "",
  numInferenceSteps: 6,
  guidanceScale: 4.5,
  numImagesPerPrompt: 1,
  width: 16,
  height: 16,
  drawnAt: [16, 16],
  maxSequenceLength: 24,
  seeds: [0],
  control: [edges(16, 16, 5)],
};
const { control: _, ...uncontrolled } = base;

/** Pipelines of random weights, and what is asked of each. */
const pipelines: {
  name: string;
  sampleSize: number;
  controlled: number;
  vaeWidths: [number, ...number[]];
  calls: Call[];
}[] = [
  {
    name: "plain",
    sampleSize: 8,
    controlled: 2,
    vaeWidths: [16, 32],
    calls: [
      base,
      { ...uncontrolled, name: "without a control picture" },
      { ...base, name: "unguided", guidanceScale: 1, seeds: [7] },
      {
        ...base,
        name: "two prompts of two pictures, one generator",
        prompt: ["a cat with green eyes", "a yellow house"],
        negativePrompt: "birds",
        numImagesPerPrompt: 2,
        control: [edges(16, 16, 3), edges(16, 16, -4)],
      },
      {
        ...base,
        name: "two prompts by one picture, a generator each",
        prompt: ["a cat with green eyes", "a yellow house"],
        seeds: [3, 4],
      },
      { ...base, name: "resized and cropped control picture", control: [edges(48, 32, 5)] },
      { ...base, name: "enlarged and cropped control picture", control: [edges(12, 8, 5)] },
    ],
  },
  {
    name: "with micro-conditions",
    sampleSize: 128,
    controlled: 1,
    vaeWidths: [16, 32],
    calls: [
      { ...base, name: "not square", width: 24, drawnAt: [24, 16], control: [edges(24, 16, 5)] },
    ],
  },
  {
    name: "with resolution bins",
    sampleSize: 32,
    controlled: 2,
    vaeWidths: [8, 8, 8, 8],
    calls: [
      {
        ...base,
        name: "resized and cropped",
        numInferenceSteps: 2,
        width: 200,
        height: 111,
        drawnAt: [336, 192],
        control: [edges(336, 192, 5)],
      },
    ],
  },
];

function disturb(model: Module, generator: torch.Generator): void {
  torch.noGrad(() => {
    for (const parameter of model.parameters()) {
      torch.tidy(() => parameter.add_(torch.randn(parameter.shape, { generator }).mul(0.1)));
    }
  });
}

const captions = ["a red fox in the snow", "a yellow house by the sea", "a cat with green eyes"];
const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 80 });

function build({ sampleSize, controlled, vaeWidths }: (typeof pipelines)[number], seed: number) {
  const generator = torch.generator(seed);
  return construct({ generator }, () => {
    const transformer = new PixArtTransformer2DModel({
      sampleSize,
      numLayers: 3,
      attentionHeadDim: 8,
      numAttentionHeads: 3,
      captionChannels: 32,
      crossAttentionDim: 24,
    });
    const controlnet = PixArtControlNetAdapterModel.fromTransformer(transformer, {
      numLayers: controlled,
    });
    disturb(controlnet, generator);
    return PixArtAlphaPipeline.create({
      tokenizer,
      textEncoder: new T5EncoderModel({
        vocabSize: tokenizer.vocabSize,
        dModel: 32,
        dKv: 8,
        dFf: 48,
        numLayers: 2,
        numHeads: 4,
        relativeAttentionNumBuckets: 8,
        feedForwardProj: "gated-gelu",
      }),
      transformer,
      controlnet,
      vae: new AutoencoderKL({
        blockOutChannels: vaeWidths,
        normNumGroups: 8,
        // Random decoders answer softly; latents about as they are make them use the whole range.
        scalingFactor: 1.25,
        shiftFactor: 0.1,
      }),
      scheduler: DPMSolverMultistepScheduler.fromConfig(),
    });
  });
}

interface Drawn {
  readonly shape: readonly number[];
  readonly pictures: readonly number[];
}

let root: string;
let fromPython: Drawn[][];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixart-controlnet-pipeline-"));
  const requests = [];
  for (const [seed, entry] of pipelines.entries()) {
    const folder = join(root, entry.name);
    const pipe = build(entry, seed);
    await pipe.savePretrained(folder);
    pipe.dispose();
    const calls = entry.calls.map(({ control, ...call }) => ({
      ...call,
      ...(control && { control: control.map((one) => ({ ...one, data: [...one.data] })) }),
    }));
    requests.push({ folder, calls });
  }
  fromPython = (await runPython(script, requests)) as Drawn[][];
});
afterAll(() => rm(root, { recursive: true }));

function largestDifference(ours: ArrayLike<number>, theirs: readonly number[]): number {
  expect(ours.length).toBe(theirs.length);
  return theirs.reduce(
    (worst, value, i) => Math.max(worst, Math.abs((ours[i] ?? Number.NaN) - value)),
    0,
  );
}

const cases = pipelines.flatMap(({ name, calls }, pipeline) =>
  calls.map((call, index) => ({ label: `${name}: ${call.name}`, name, call, pipeline, index })),
);

describe("PixArtAlphaPipeline with a controlnet against diffusers", () => {
  it.each(cases)("$label", async ({ name, call, pipeline, index }) => {
    const theirs = fromPython[pipeline]?.[index];
    if (theirs === undefined) throw new Error("Python drew nothing");
    expect(Math.max(...theirs.pictures) - Math.min(...theirs.pictures)).toBeGreaterThan(0.2);
    const folder = join(root, name);
    const controlnet = await PixArtControlNetAdapterModel.fromPretrained(folder, {
      subfolder: "controlnet",
    });
    const pipe = await PixArtAlphaPipeline.fromPretrained(folder, { controlnet });
    const { prompt, control, seeds, name: __, drawnAt: ___, ...options } = call;
    const generators = seeds.map((seed) => torch.generator(seed));
    const [only] = generators;
    const { images } = await pipe(prompt, {
      ...options,
      ...(control && { controlImage: control }),
      generator: generators.length === 1 && only !== undefined ? only : generators,
      cleanCaption: false,
      onWarning: () => {},
      outputType: "float",
    });
    expect(images.shape).toEqual(theirs.shape);
    const error = largestDifference(images.toFloat32Array(), theirs.pictures);
    expect(error).toBeLessThan(1e-4);
    images.dispose();
    pipe.dispose();
  });

  it("compares pictures that depend on their control picture", () => {
    const [controlled, without] = fromPython[0] ?? [];
    const difference = largestDifference(controlled?.pictures ?? [], without?.pictures ?? []);
    expect(difference).toBeGreaterThan(0.05);
  });
});
