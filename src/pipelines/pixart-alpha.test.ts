import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { TINY_TEXT_ENCODER, TINY_TRANSFORMER } from "../../test/fixtures/tiny-pipeline.ts";
import { type PictureMetadata, RgbImage, readPictureMetadata } from "../images/index.ts";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../models/index.ts";
import { Module } from "../nn/index.ts";
import {
  DPMSolverMultistepScheduler,
  EulerDiscreteScheduler,
  schedulerNamed,
} from "../schedulers/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { type GeneratedImage, imagesFromTensor } from "./generated-image.ts";
import { weightsSource } from "./generation-record.ts";
import { PixArtAlpha } from "./pixart-alpha.ts";
import type { DenoiseStep } from "./pixart-alpha-options.ts";
import { planSteps, timestepsToSkip } from "./plan-steps.ts";
import { PixArtAlphaPipeline } from "./published/from-pretrained.ts";

beforeEach(collectGarbage);

const captions = ["a red fox in the snow", "two blue birds on a wire", "a house by the sea"];

function tinyPipeline(): PixArtAlphaPipeline {
  torch.manualSeed(5);
  const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 60 });
  return PixArtAlphaPipeline.create({
    tokenizer,
    textEncoder: new T5EncoderModel({
      vocabSize: tokenizer.vocabSize,
      ...TINY_TEXT_ENCODER,
    }),
    transformer: new PixArtTransformer2DModel(TINY_TRANSFORMER),
    vae: new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4 }),
    scheduler: DPMSolverMultistepScheduler.fromConfig(),
  });
}

const fast = { numInferenceSteps: 3, maxSequenceLength: 16, onWarning: () => {} };

let pipe: PixArtAlphaPipeline;
let folder: string;

beforeAll(async () => {
  pipe = tinyPipeline();
  folder = await mkdtemp(join(tmpdir(), "pixart-pipeline-"));
  await pipe("warm up", fast);
});
afterAll(() => rm(folder, { recursive: true }));

/** Every picture of a call, as bytes. */
const bytesOf = async (options: object = {}, prompt: string | string[] = "a fox") => {
  const { images } = await pipe(prompt, { ...fast, generator: torch.generator(1), ...options });
  return images.map(({ data }) => Buffer.from(data).toString("base64"));
};

describe("PixArtAlphaPipeline", () => {
  it("shows its parts to console.log, also when they are gone", () => {
    const own = tinyPipeline();
    expect(inspect(own)).toMatch(
      /^PixArtAlphaPipeline \{\n {2}transformer: PixArtTransformer2DModel \([\d.]+ M weights, float32 on cpu\),\n {2}vae: AutoencoderKL \(.*\),\n {2}textEncoder: T5EncoderModel \(.*\),\n {2}scheduler: DPMSolverMultistepScheduler\n\}$/,
    );
    own.dispose();
    expect(inspect(own)).toContain("transformer: PixArtTransformer2DModel (disposed)");
  });

  it("draws the same for a seed as for its generator, and gives previews in every step", async () => {
    const previews: GeneratedImage[] = [];
    const { images } = await pipe("a fox", {
      ...fast,
      seed: 1,
      onStep: ({ original }) => {
        using pictures = pipe.decode(original);
        previews.push(...imagesFromTensor(pictures));
      },
    });
    const [drawn] = images;
    expect(Buffer.from(drawn?.data ?? []).toString("base64")).toBe((await bytesOf())[0]);
    expect(drawn?.metadata?.seed).toBe(1);
    expect(previews).toHaveLength(3);
    expect(previews[2]?.data).toEqual(drawn?.data);
    expect(previews[2]?.metadata).toBeUndefined();
    using flat = torch.zeros([4, 8, 8]);
    expect(() => imagesFromTensor(flat)).toThrow(
      "Expected [pictures, 3, height, width] for the shape of pictures but received [4, 8, 8]",
    );
  });

  it("is a function with its stages as methods", async () => {
    expect(pipe).toBeInstanceOf(PixArtAlpha);
    expect(pipe.vaeScaleFactor).toBe(2);
    const { images } = await pipe("a red fox", { ...fast, width: 24, height: 16 });
    expect(images.map(({ width, height }) => [width, height])).toEqual([[24, 16]]);
    expect(new Set(images[0]?.data).size).toBeGreaterThan(10);
  });

  it("counts the steps through noise levels as the sampler takes them", async () => {
    const own = tinyPipeline();
    own.scheduler = EulerDiscreteScheduler.fromConfig({});
    const levels = [14.6, 3, 0.5];
    for (const sigmas of [levels, [...levels, 0]]) {
      const request = own.checkInputs("a fox", { sigmas });
      expect(request.numInferenceSteps).toBe(sigmas.length - 1);
      const steps: number[] = [];
      const { images } = await own("a fox", {
        sigmas,
        onStep: ({ step }) => void steps.push(step),
      });
      expect(steps).toHaveLength(sigmas.length - 1);
      expect(images[0]?.metadata?.steps).toBe(sigmas.length - 1);
    }
    own.dispose();
  });

  it("refuses more steps than there are timesteps, before the first", () => {
    for (const [steps, most] of [
      [1001, "999 (one less than the training timesteps)"],
      [1_000_000_000, "100000"],
    ] as const) {
      expect(() => pipe.checkInputs("a fox", { numInferenceSteps: steps })).toThrow(
        `Expected at most ${most} for numInferenceSteps but received ${steps}`,
      );
    }
  });

  it("gives one picture for one seed", async () => {
    const first = await bytesOf();
    expect(await bytesOf()).toEqual(first);
    expect(await bytesOf({ generator: torch.generator(2) })).not.toEqual(first);
    expect(await bytesOf({}, "two birds")).not.toEqual(first);
    expect(await bytesOf({ guidanceScale: 1 })).not.toEqual(first);
    expect(await bytesOf({ negativePrompt: "sea" })).not.toEqual(first);
  });

  it("prepares prompts: case and outer space don't matter", async () => {
    expect(await bytesOf({}, " A FOX\n")).toEqual(await bytesOf());
  });

  it("makes pictures in a batch as one by one, where each has its own generator", async () => {
    const generator = [torch.generator(1), torch.generator(2)];
    const pictures = await pipe("a fox", {
      ...fast,
      generator,
      numImagesPerPrompt: 2,
      outputType: "float",
    });
    const alone = await pipe("a fox", {
      ...fast,
      generator: torch.generator(2),
      outputType: "float",
    });
    const difference = torch.tidy(() =>
      pictures.images.narrow(0, 1, 1).sub(alone.images).abs().amax().item(),
    );
    expect(difference).toBeLessThan(1e-4);
    pictures.images.dispose();
    alone.images.dispose();
  });

  it("works in a single step", async () => {
    expect(await bytesOf({ numInferenceSteps: 1 })).toHaveLength(1);
  });

  it("starts from given latents and leaves them alone", async () => {
    const latents = torch.randn([1, 4, 8, 8], { generator: torch.generator(1) });
    const kept = latents.toFloat32Array();
    expect(await bytesOf({ latents, generator: undefined })).toEqual(await bytesOf());
    expect(latents.toFloat32Array()).toEqual(kept);
    latents.dispose();
  });

  it("gives latents or unrounded pictures on request", async () => {
    const options = { ...fast, generator: torch.generator(1) };
    const { images: latents } = await pipe("a fox", { ...options, outputType: "latent" });
    expect(latents.shape).toEqual([1, 4, 8, 8]);
    const again = { ...options, generator: torch.generator(1) };
    const { images: pictures } = await pipe("a fox", { ...again, outputType: "float" });
    const decoded = pipe.decode(latents);
    expect(decoded.toFloat32Array()).toEqual(pictures.toFloat32Array());
    expect(torch.tidy(() => pictures.amin().item())).toBeGreaterThanOrEqual(0);
    expect(torch.tidy(() => pictures.amax().item())).toBeLessThanOrEqual(1);
    for (const tensor of [latents, pictures, decoded]) tensor.dispose();
  });

  it("leaves its scheduler as it was, and runs twice at a time", async () => {
    const alone = await bytesOf();
    const [a, b] = await Promise.all([
      bytesOf(),
      bytesOf({ numInferenceSteps: 5, generator: torch.generator(9) }),
    ]);
    expect(a).toEqual(alone);
    expect(b).not.toEqual(alone);
    expect(pipe.scheduler.timesteps).toEqual([]);
  });

  it("reports every step, and leaves the event loop free between steps", async () => {
    const steps: number[][] = [];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 0);
    await pipe("a fox", {
      ...fast,
      numInferenceSteps: 30,
      onStep: ({ step, total, timestep, latents }) => {
        steps.push([step, total, timestep]);
        expect(latents.shape).toEqual([1, 4, 8, 8]);
      },
    });
    clearInterval(timer);
    expect(steps).toHaveLength(30);
    expect(steps[0]).toEqual([1, 30, 999]);
    expect(ticks).toBeGreaterThan(3);
  });

  it("tells which part of a prompt was cut off", async () => {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    await pipe("a red fox by the sea", { ...fast, maxSequenceLength: 4, onWarning });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^The prompt is longer than 4 tokens\. This part was left out: .*the sea$/,
    );
  });
});

describe("steps that are guided", () => {
  const refused = async (options: object, message: string): Promise<void> => {
    await expect(pipe("a fox", { ...fast, numInferenceSteps: 5, ...options })).rejects.toThrow(
      message,
    );
  };

  it("are there: an interval between two steps and a gate behind all of them are refused", async () => {
    await refused(
      { guidanceInterval: [0.3, 0.35] },
      "Expected an interval that contains at least one of 5 steps for guidanceInterval but received [0.3, 0.35]",
    );
    await refused(
      { tgate: { gateStep: 5 } },
      "Expected a whole number from 1 to 4, as the number of steps is 5, for tgate.gateStep but received 5",
    );
    await refused(
      { tgate: { gateStep: 1 }, numInferenceSteps: 1 },
      "Expected more than one step, as the number of steps is 1, for tgate.gateStep but received 1",
    );
  });

  it("are those that are left from a picture on", async () => {
    const image = RgbImage.filled(16, 16, [9, 99, 200]);
    const left = { image, strength: 0.4 };
    await refused(
      { ...left, tgate: { gateStep: 2 } },
      "Expected a whole number from 1 to 1, as the number of steps is 2, for tgate.gateStep but received 2",
    );
    const options = { ...fast, ...left, numInferenceSteps: 5, tgate: { gateStep: 1 } };
    expect((await pipe("a fox", options)).images).toHaveLength(1);
  });

  it("are refused from a picture on before anything is computed", () => {
    const image = RgbImage.filled(16, 16, [9, 99, 200]);
    const planned = (options: object, scheduler = "dpm-solver++"): number => {
      const own = pipe.scheduler;
      pipe.scheduler = schedulerNamed(scheduler);
      try {
        return pipe.checkInputs("a fox", { ...fast, image, ...options }).skippedTimesteps;
      } finally {
        pipe.scheduler = own;
      }
    };
    expect(() => planned({ numInferenceSteps: 4, strength: 0.2 })).toThrow(
      "Expected at least 5 (at strength 0.2 fewer would leave no step) for numInferenceSteps but received 4",
    );
    expect(() => planned({ numInferenceSteps: 5, strength: 0.4, tgate: { gateStep: 2 } })).toThrow(
      "for tgate.gateStep but received 2",
    );
    expect(() => planned({ numInferenceSteps: 20, strength: 0.5 }, "pndm")).toThrow(
      "Expected one that can start at a later step for the sampler with image but received pndm",
    );
    expect(planned({ numInferenceSteps: 20, strength: 1 }, "pndm")).toBe(0);
    const promptEmbeds = torch.zeros([1, 3, 7]);
    const promptAttentionMask = torch.ones([1, 3]);
    const width = pipe.transformer.config.captionChannels;
    expect(() => pipe.checkInputs(null, { ...fast, promptEmbeds, promptAttentionMask })).toThrow(
      `Expected a tensor [prompts, tokens, ${width}] for promptEmbeds but received [1, 3, 7]`,
    );
    for (const tensor of [promptEmbeds, promptAttentionMask]) tensor.dispose();
  });

  it("starts from a picture at the first of two steps with the same timestep, with a mask too", async () => {
    const image = RgbImage.filled(16, 16, [9, 99, 200]);
    const own = pipe.scheduler;
    pipe.scheduler = DPMSolverMultistepScheduler.fromConfig({ use_beta_sigmas: true });
    try {
      const options = { ...fast, image, numInferenceSteps: 50, strength: 0.98 };
      for (const mask of [undefined, RgbImage.filled(16, 16, [255, 255, 255])]) {
        const taken: number[] = [];
        const onStep = ({ timestep }: DenoiseStep): void => void taken.push(timestep);
        await pipe("a fox", { ...options, onStep, ...(mask && { maskImage: mask }) });
        expect([taken.length, taken[0], taken[1]]).toEqual([49, 998, 998]);
      }
    } finally {
      pipe.scheduler = own;
    }
  });

  // diffusers' `get_timesteps`: as many of the first timesteps as steps are left out, plms' additional one among those that stay.
  it.each([
    ["plms", 20, 0.5, 10],
    ["plms", 20, 0.8, 4],
    ["plms", 10, 0.8, 2],
    ["plms", 25, 0.4, 15],
    ["dpm-solver++", 25, 0.4, 15],
    ["heun", 10, 0.8, 4],
  ])("are left out by %s of %i at strength %d: %i", (scheduler, steps, strength, count) => {
    using planned = planSteps(schedulerNamed(scheduler), { numInferenceSteps: steps });
    expect(timestepsToSkip(planned, steps, strength)).toBe(count);
  });

  it("are drawn also by a model that recomputes its activations in training", async () => {
    const { transformer } = pipe;
    transformer.gradientCheckpointing = true;
    try {
      const options = { ...fast, numInferenceSteps: 4, seed: 1 };
      const gated = await pipe("a fox", { ...options, tgate: { gateStep: 2 } });
      expect(gated.images).toHaveLength(1);
      expect((await pipe("a fox", options)).images).toHaveLength(1);
    } finally {
      transformer.gradientCheckpointing = false;
    }
  });

  it("are no halves of steps: T-GATE refuses samplers with two calls a step", async () => {
    const own = pipe.scheduler;
    try {
      pipe.scheduler = schedulerNamed("heun", own.toConfig());
      await refused(
        { tgate: { gateStep: 2 } },
        "Expected a sampler with one call of the model per step for tgate but received",
      );
    } finally {
      pipe.scheduler = own;
    }
  });
});

describe("memory", () => {
  it("stays flat over calls, finished, aborted and failed", async () => {
    const before = torch.memory().tensors;
    const tgate = { gateStep: 2, fiInterval: 2, warmUp: 0 };
    for (let round = 0; round < 3; round++) {
      await pipe("a fox", fast);
      await pipe("a fox", { ...fast, numInferenceSteps: 5, tgate });
      await pipe(["a", "b"], { ...fast, guidanceScale: 1, numImagesPerPrompt: 2 });
      const { images } = await pipe("a fox", { ...fast, outputType: "latent" });
      images.dispose();
    }
    for (const failing of [1, 2, 3]) {
      const onStep = ({ step }: DenoiseStep): void => {
        if (step === failing) throw new Error("no more");
      };
      await expect(pipe("a fox", { ...fast, onStep })).rejects.toThrow("no more");
      await expect(pipe("a fox", { ...fast, tgate, onStep })).rejects.toThrow("no more");
    }
    expect(torch.memory().tensors).toBe(before);
  });

  it("is given back when a call is aborted, before the next step", async () => {
    const before = torch.memory().tensors;
    const controller = new AbortController();
    let last = 0;
    const options = {
      ...fast,
      numInferenceSteps: 20,
      signal: controller.signal,
      onStep: ({ step }: DenoiseStep) => {
        last = step;
        if (step === 4) controller.abort(new Error("the user left"));
      },
    };
    await expect(pipe("a fox", options)).rejects.toThrow("the user left");
    expect(last).toBe(4);
    await expect(pipe("a fox", options)).rejects.toThrow("the user left");
    expect(last).toBe(4);
    expect(torch.memory().tensors).toBe(before);
  });

  it("is given back when a loop over denoise() is left early", async () => {
    const before = torch.memory().tensors;
    const request = pipe.checkInputs("a fox", fast);
    const prompt = await pipe.encodePrompt(request);
    const start = await pipe.prepareLatents(request);
    for await (const { step } of pipe.denoise({ ...request, prompt, start })) {
      if (step === 2) break;
    }
    for (const text of [prompt.positive, prompt.negative]) {
      text?.hiddenStates.dispose();
      text?.attentionMask.dispose();
    }
    start.latents.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("is given back by dispose()", () => {
    const before = torch.memory().tensors;
    tinyPipeline().dispose();
    expect(torch.memory().tensors).toBe(before);
  });
});

it("does not change a call in progress when its sampler is replaced", async () => {
  const options = { ...fast, numInferenceSteps: 4, seed: 1 };
  const alone = await pipe("a fox", options);
  const own = pipe.scheduler;
  const call = pipe("a fox", options);
  pipe.scheduler = schedulerNamed("euler");
  try {
    const [image] = (await call).images;
    expect(image?.data).toEqual(alone.images[0]?.data);
    expect(image?.metadata?.sampler).toBe("dpm-solver++");
    const other = await pipe("a fox", options);
    expect(other.images[0]?.metadata?.sampler).toBe("EulerDiscreteScheduler");
  } finally {
    pipe.scheduler = own;
  }
});

describe("metadata", () => {
  it("makes the picture again", async () => {
    const { images } = await pipe("a fox", { ...fast, numImagesPerPrompt: 2 });
    for (const { data, metadata } of images) {
      if (metadata === undefined) throw new Error("no metadata");
      const { prompt, negativePrompt = "", steps, guidanceScale, seed } = metadata;
      const again = await pipe(prompt, {
        ...fast,
        negativePrompt,
        guidanceScale,
        numInferenceSteps: steps,
        generator: torch.generator(seed),
      });
      const differences = data.map((value, i) => Math.abs(value - (again.images[0]?.data[i] ?? 0)));
      expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    }
  });

  it("says which steps are guided, and which attentions are computed", async () => {
    const later = { ...fast, numInferenceSteps: 6, seed: 1 };
    const whole = await pipe("a fox", later);
    const inPart = await pipe("a fox", { ...later, guidanceInterval: [0, 0.5] });
    expect(inPart.images[0]?.metadata?.extra).toMatchObject({ guidanceInterval: [0, 0.5] });
    const tgate = { gateStep: 3, spInterval: 2, warmUp: undefined };
    const gated = await pipe("a fox", { ...later, tgate });
    expect(gated.images[0]?.metadata?.extra).toMatchObject({
      tgate: { gateStep: 3, spInterval: 2, fiInterval: 1, warmUp: 2 },
    });
    const bytes = [whole, inPart, gated].map(({ images }) => `${images[0]?.data}`);
    expect(new Set(bytes).size).toBe(3);
  });

  it("is written into the PNG", async () => {
    const options = { ...fast, negativePrompt: "sea", generator: torch.generator(3) };
    const { images } = await pipe(["A fox", "b"], options);
    const path = join(folder, "fox.png");
    await images[1]?.save(path);
    expect(await readPictureMetadata(path)).toEqual({
      prompt: "b",
      negativePrompt: "sea",
      steps: 3,
      sampler: "dpm-solver++",
      guidanceScale: 4.5,
      seed: 3,
      dtype: "float32",
      extra: {
        batchIndex: 1,
        batchSize: 2,
        cleanCaption: true,
        maxSequenceLength: 16,
        useResolutionBinning: false,
      },
      width: 16,
      height: 16,
    });
  });

  it("is absent where the noise has no seed that a record can hold", async () => {
    const latents = torch.zeros([1, 4, 8, 8]);
    const fromLatents = await pipe("a fox", { ...fast, latents });
    expect(fromLatents.images[0]?.metadata).toBeUndefined();
    latents.dispose();
    const generator = torch.stream(1, "noise", 0);
    const fromStream = await pipe("a fox", { ...fast, generator });
    expect(fromStream.images[0]?.metadata).toBeUndefined();
  });

  it("is absent where a generator has drawn before", async () => {
    const generator = torch.generator(7);
    const seeds = [];
    for (const prompt of ["a fox", "a hen"]) {
      const { images } = await pipe(prompt, { ...fast, generator });
      seeds.push(images[0]?.metadata?.seed);
    }
    expect(seeds).toEqual([7, undefined]);
    const used = torch.generator(7);
    torch.tidy(() => torch.randn([1], { generator: used }));
    const afterwards = await pipe("a fox", { ...fast, generator: used });
    expect(afterwards.images[0]?.metadata).toBeUndefined();
  });

  it("is absent where several pictures of a list, or calls that overlap, draw from one generator", async () => {
    const seedsOf = ({ images }: { images: readonly GeneratedImage[] }): unknown[] =>
      images.map(({ metadata }) => metadata?.seed);
    const shared = torch.generator(7);
    const generator = [shared, torch.generator(8), shared];
    expect(seedsOf(await pipe(["a", "b", "c"], { ...fast, generator }))).toEqual([
      undefined,
      8,
      undefined,
    ]);
    const both = { ...fast, generator: torch.generator(7) };
    const calls = await Promise.all([pipe("a fox", both), pipe("a fox", both)]);
    expect(calls.map(seedsOf)).toEqual([[undefined], [undefined]]);
    const used = torch.generator(7);
    const onStep = (): void => torch.tidy(() => void torch.randn([1], { generator: used }));
    expect(seedsOf(await pipe("a fox", { ...fast, generator: used, onStep }))).toEqual([undefined]);
  });

  it("lacks the model, with a warning, while its files can't be read", async () => {
    let isThere = false;
    const source = weightsSource("tiny", async () => {
      if (!isThere) throw new Error("the disk is gone");
      return "0123456789";
    });
    const sourced = PixArtAlphaPipeline.create(pipe, source);
    const warnings: string[] = [];
    const draw = async (): Promise<PictureMetadata | undefined> => {
      const options = { ...fast, seed: 1, onWarning: (text: string) => warnings.push(text) };
      return (await sourced("a fox", options)).images[0]?.metadata;
    };
    const without = await draw();
    expect(without).toMatchObject({ seed: 1 });
    expect(without).not.toHaveProperty("model");
    expect(warnings).toEqual(["The pictures do not record their model: the disk is gone"]);
    isThere = true;
    expect(await draw()).toMatchObject({ model: "tiny", modelHash: "0123456789" });
  });
});

describe("folders", () => {
  it("are read back as they were saved, weights and pictures", async () => {
    const path = join(folder, "tiny");
    await pipe.savePretrained(path);
    const back = await PixArtAlphaPipeline.fromPretrained(path);
    const options = { ...fast, generator: torch.generator(1) };
    const { images } = await back("a fox", options);
    expect(images.map(({ data }) => Buffer.from(data).toString("base64"))).toEqual(await bytesOf());
    const weights = await readFile(join(path, "transformer/diffusion_pytorch_model.safetensors"));
    const hash = createHash("sha256").update(weights).digest("hex").slice(0, 10);
    expect(images[0]?.metadata).toMatchObject({ model: "tiny", modelHash: hash });
    back.dispose();
  });

  it("are loaded in another dtype on request", async () => {
    const path = join(folder, "half");
    await pipe.savePretrained(path);
    const half = await PixArtAlphaPipeline.fromPretrained(path, { dtype: "bfloat16" });
    const models = [half.transformer, half.vae, half.textEncoder];
    expect(models.map((model) => model instanceof Module && model.dtype)).toEqual(
      Array(3).fill("bfloat16"),
    );
    // The same noise: PyTorch draws others in bfloat16.
    const latents = torch.randn([1, 4, 8, 8], { generator: torch.generator(1) });
    const options = { ...fast, latents, outputType: "float" } as const;
    const [ours, theirs] = [await half("a fox", options), await pipe("a fox", options)];
    const difference = torch.tidy(() => ours.images.sub(theirs.images).abs().mean().item());
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.05);
    for (const tensor of [latents, ours.images, theirs.images]) tensor.dispose();
    half.dispose();
  });

  it("leave out what is given", async () => {
    const path = join(folder, "overridden");
    await pipe.savePretrained(path);
    await rm(join(path, "transformer"), { recursive: true });
    await rm(join(path, "scheduler"), { recursive: true });
    const scheduler = DPMSolverMultistepScheduler.fromConfig({ solver_type: "heun" });
    const { transformer } = pipe;
    const back = await PixArtAlphaPipeline.fromPretrained(path, { transformer, scheduler });
    expect(back.transformer).toBe(transformer);
    expect(back.scheduler).toBe(scheduler);
    const { images } = await back("a fox", fast);
    expect(images[0]?.metadata).not.toHaveProperty("modelHash");
    back.vae.dispose();
    if (back.textEncoder instanceof Module) back.textEncoder.dispose();
  });

  it("are refused where they hold another pipeline", async () => {
    const path = join(folder, "other");
    await pipe.savePretrained(path);
    const index = join(path, "model_index.json");
    await writeFile(index, '{"_class_name": "StableDiffusionPipeline"}');
    await expect(PixArtAlphaPipeline.fromPretrained(path)).rejects.toThrow(
      `${index}: _class_name: expected PixArtAlphaPipeline but found "StableDiffusionPipeline"`,
    );
  });
});
