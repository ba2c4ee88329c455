import { afterEach, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import type { TgateOptions } from "./guidance.ts";
import type { PixArtAlphaOptions } from "./pixart-alpha-options.ts";
import { resolveRequest } from "./pixart-alpha-request.ts";
import { SAMPLING_DEFAULTS } from "./sampling-defaults.ts";

const small = {
  sampleSize: 8,
  patchSize: 2,
  latentChannels: 4,
  captionChannels: null,
  vaeScaleFactor: 8,
  maxSequenceLength: 120,
  hasControlNet: false,
  stepsThrough: (sigmas: readonly number[]) => sigmas.length - 1,
  defaults: SAMPLING_DEFAULTS,
};
const released = { ...small, sampleSize: 128 };

const resolve = (
  options: PixArtAlphaOptions = {},
  prompt: string | readonly string[] | null = "a fox",
  limits: typeof small = small,
) => resolveRequest(prompt, options, limits);

afterEach(() => vi.restoreAllMocks());

describe("resolveRequest", () => {
  it("fills in what is left out", () => {
    const request = resolve();
    expect(request).toMatchObject({
      texts: {
        count: 1,
        positive: ["a fox"],
        negative: [""],
        cleanCaption: true,
        maxSequenceLength: 120,
      },
      numImagesPerPrompt: 1,
      numInferenceSteps: 20,
      guidanceScale: 4.5,
      size: { width: 64, height: 64 },
      outputSize: { width: 64, height: 64 },
      latentShape: [1, 4, 8, 8],
      start: undefined,
      signal: undefined,
    });
  });

  it("fills in the model's own steps and guidance, if it has some", () => {
    const own = { ...small, defaults: { numInferenceSteps: 4, guidanceScale: 0 } };
    const steps = { numInferenceSteps: 4, guidanceScale: 0 };
    expect(resolve({}, "a fox", own)).toMatchObject(steps);
    expect(resolve({ numInferenceSteps: 9 }, "a fox", own)).toMatchObject({
      numInferenceSteps: 9,
      guidanceScale: 0,
    });
  });

  it("counts pictures by prompt, and gives each prompt what to lead away from", () => {
    const request = resolve({ numImagesPerPrompt: 3, negativePrompt: "blur" }, ["a", ""]);
    expect(request.latentShape).toEqual([6, 4, 8, 8]);
    expect(request.texts.negative).toEqual(["blur", "blur"]);
    const each = resolve({ negativePrompt: ["x", "y"] }, ["a", "b"]);
    expect(each.texts.negative).toEqual(["x", "y"]);
  });

  it("uses bins where the model has them, unless told not to", () => {
    const wide = { width: 1920, height: 1080 };
    const request = resolve(wide, "a fox", released);
    expect(request.size).toEqual({ width: 1344, height: 768 });
    expect(request.outputSize).toEqual(wide);
    expect(request.latentShape).toEqual([1, 4, 96, 168]);
    const other = resolve({}, "a fox", { ...small, sampleSize: 32, vaeScaleFactor: 4 });
    expect(other.size).toEqual({ width: 128, height: 128 });
    const exact = { width: 1280, height: 720, useResolutionBinning: false };
    expect(resolve(exact, "a fox", released).size).toEqual({ width: 1280, height: 720 });
  });

  it("draws a seed for each picture where no generator is given", () => {
    const { generator } = resolve({ numImagesPerPrompt: 2 });
    if (!Array.isArray(generator)) throw new Error("no list of generators");
    const [first, second] = generator as torch.Generator[];
    expect(Number(second?.seed) - Number(first?.seed)).toBe(1);
    expect(resolve().generator).not.toEqual(generator);
  });

  it("warns on stderr unless told whom to tell", () => {
    const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    resolve().onWarning("too long");
    expect(emit).toHaveBeenCalledWith("too long");
  });

  it.each<[PixArtAlphaOptions, string]>([
    [{ numInferenceSteps: 0 }, "Expected a positive integer for numInferenceSteps but received 0"],
    [
      { numInferenceSteps: 2.5 },
      "Expected a positive integer for numInferenceSteps but received 2.5",
    ],
    [
      { numImagesPerPrompt: 0 },
      "Expected a positive integer for numImagesPerPrompt but received 0",
    ],
    [
      { maxSequenceLength: -1 },
      "Expected a positive integer for maxSequenceLength but received -1",
    ],
    [{ guidanceScale: Number.NaN }, "Expected a number for guidanceScale but received NaN"],
    [
      { guidanceInterval: [0.5, 0.5] },
      "Expected two numbers from 0 to 1, the smaller first, for guidanceInterval but received [0.5, 0.5]",
    ],
    [
      { guidanceInterval: [0, 1.5] },
      "Expected two numbers from 0 to 1, the smaller first, for guidanceInterval but received [0, 1.5]",
    ],
    [
      { tgate: { gateStep: 0 } },
      "Expected a whole number of at least 1 for tgate.gateStep but received 0",
    ],
    [
      { tgate: { gateStep: 5, spInterval: 1.5 } },
      "Expected a whole number of at least 1 for tgate.spInterval but received 1.5",
    ],
    [
      { tgate: {} as TgateOptions },
      "Expected a whole number of at least 1 for tgate.gateStep but received undefined",
    ],
    [{ tgate: [] as object as TgateOptions }, "for tgate.gateStep but received undefined"],
    [
      { tgate: { gateStep: "10" } as object as TgateOptions },
      'Expected a whole number of at least 1 for tgate.gateStep but received "10"',
    ],
    [
      { tgate: { gateStep: 3, warmUp: -1 } },
      "Expected a whole number of at least 0 for tgate.warmUp but received -1",
    ],
    [
      { guidanceInterval: [0, 0.5], guidanceScale: 1 },
      "Expected more than 1, since guidanceInterval is given, for guidanceScale but received 1",
    ],
    [
      { tgate: { gateStep: 5, gateInterval: 2 } as TgateOptions },
      "Expected known options for tgate but received gateInterval (did you mean spInterval?)",
    ],
    [
      { tgate: { gateStep: 5 }, guidanceInterval: [0, 0.5] },
      "Expected no guidanceInterval together with tgate but received [0, 0.5]",
    ],
    [
      { tgate: { gateStep: 5 }, branches: { own: 0, gather: (prediction) => prediction } },
      "Expected no branches together with tgate but received an Object",
    ],
    [{ eta: 2 }, "Expected a number from 0 to 1 for eta but received 2"],
    [
      { timesteps: [900, 400], numInferenceSteps: 3 },
      "Expected 2 (the timesteps given) for numInferenceSteps but received 3",
    ],
    [
      { width: 10_000, height: 10_000 },
      "Expected at most 64 megapixels for width and height but received 10000 and 10000",
    ],
    [{ maxSequenceLength: 5000 }, "Expected at most 4096 for maxSequenceLength but received 5000"],
    [
      { numImagesPerPrompt: 1e9 },
      "at once, which is what fits in this machine's memory, for the number of prompts times numImagesPerPrompt but received 1000000000",
    ],
    [
      { sigmas: [14.6, 3, 0.5, 0], numInferenceSteps: 20 },
      "Expected 3 (the noise levels given) for numInferenceSteps but received 20",
    ],
    [{ strength: 0.5 }, "Expected no strength without image but received a value"],
    [
      { image: RgbImage.filled(8, 8, [0, 0, 0]), strength: 0 },
      "Expected a number above 0 and up to 1 for strength but received 0",
    ],
    [
      { image: [1, 2].map(() => RgbImage.filled(8, 8, [0, 0, 0])) },
      "Expected one picture, or 1 (one per prompt), for image but received 2",
    ],
    [
      { controlImage: RgbImage.filled(8, 8, [0, 0, 0]) },
      "Expected no controlImage without a controlnet but received a picture; load the pipeline with { controlnet }",
    ],
    [{ width: 0 }, "Expected a positive integer for width but received 0"],
    [{ width: 65 }, "Expected a multiple of 16 for width but received 65. The nearest is 64."],
    [{ height: 7 }, "Expected a multiple of 16 for height but received 7. The nearest is 16."],
    [
      { useResolutionBinning: true },
      "Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize 32, 64, 128, 256, 360, not for 8.",
    ],
    [
      { cleanCaption: 1 as unknown as boolean },
      "Expected a boolean for cleanCaption but received 1",
    ],
    [
      { negativePrompt: ["a", "b"] },
      "Expected 1 texts, one per prompt, for negativePrompt but received 2",
    ],
    [
      { generator: [torch.generator(1), torch.generator(2)] },
      "Expected 1 generators, one per picture, for generator but received 2",
    ],
  ])("refuses %j", (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });

  // What only JavaScript without a compiler can pass.
  it.each<[object, string]>([
    [
      { steps: 5, sede: 1, wat: 2 },
      "Expected known options for the call of a pipeline but received steps (did you mean numInferenceSteps?) and sede (did you mean seed?) and wat",
    ],
    [{ num_inference_steps: 5 }, "num_inference_steps (did you mean numInferenceSteps?)"],
    [{ guidance_scale: 5 }, "guidance_scale (did you mean guidanceScale?)"],
    [{ scheduler: "ddim" }, "scheduler (did you mean pipe.scheduler = schedulerNamed(…)?)"],
    [
      { numInferenceSteps: "20" },
      'Expected a positive integer for numInferenceSteps but received "20"',
    ],
    [{ width: "64" }, 'Expected a positive integer for width but received "64"'],
    [{ guidanceScale: "4.5" }, 'Expected a number for guidanceScale but received "4.5"'],
    [{ eta: "0.5" }, 'Expected a number for eta but received "0.5"'],
    [
      { useResolutionBinning: "false" },
      'Expected a boolean for useResolutionBinning but received "false"',
    ],
    [{ cleanCaption: 0 }, "Expected a boolean for cleanCaption but received 0"],
    [
      { signal: new AbortController() },
      "Expected an AbortSignal for signal but received an AbortController",
    ],
    [{ onStep: true }, "Expected a function for onStep but received true"],
    [{ latents: [1, 2] }, "Expected a tensor for latents but received [1, 2]"],
    [{ sigmas: 5 }, "Expected a list of numbers for sigmas but received 5"],
    [{ timesteps: [900, "5"] }, 'Expected a list of numbers for timesteps but received [900, "5"]'],
    [
      { image: "fox.png" },
      'await RgbImage.decode("fox.png"), or a list of them for image but received "fox.png"',
    ],
    [
      { outputType: "pil" },
      'Expected "image", "float" or "latent" for outputType but received "pil"',
    ],
    [
      { generator: 0 },
      "Expected a torch.Generator, or a list with one per picture, for generator but received 0; for a seed, give { seed: 0 }",
    ],
    [{ generator: [7] }, "for generator but received [7]"],
    [
      { seed: 1, generator: torch.generator(0) },
      "Expected no seed together with generator but received 1",
    ],
    [{ seed: [1, 2] }, "Expected 1 seeds, one per picture, for seed but received 2"],
    [
      { seed: "7" },
      'Expected a whole number from 0 to 2**53 - 1, or one per picture, for seed but received "7"',
    ],
    [{ seed: -1 }, "for seed but received -1"],
    [{ seed: 2 ** 53 }, "for seed but received 9007199254740992"],
    [{ seed: [1.5] }, "for seed but received [1.5]"],
  ])("refuses %j of plain JavaScript", (options, message) => {
    expect(() => resolve(options as PixArtAlphaOptions)).toThrow(message);
  });

  it("refuses options that are none", () => {
    expect(() => resolve(20 as unknown as PixArtAlphaOptions)).toThrow(
      "Expected an object of options for the call of a pipeline but received 20",
    );
  });

  it("takes a seed for the first picture and the next for each further one, or one per picture", () => {
    const seeds = (options: PixArtAlphaOptions, prompts: string[]) =>
      (resolve(options, prompts).generator as torch.Generator[]).map(({ seed }) => seed);
    expect(seeds({ seed: 7 }, ["a", "b"])).toEqual([7, 8]);
    expect(seeds({ seed: 0, numImagesPerPrompt: 2 }, ["a"])).toEqual([0, 1]);
    expect(seeds({ seed: [5, 5] }, ["a", "b"])).toEqual([5, 5]);
  });

  it("refuses prompts that are no text", () => {
    expect(() => resolve({}, [])).toThrow(
      "Expected a text or a list of texts for prompt but received []",
    );
    expect(() => resolve({}, [7 as unknown as string])).toThrow(
      "Expected a text or a list of texts for prompt but received [7]",
    );
    expect(() => resolve({}, null)).toThrow(
      "Expected a text or a list of texts for prompt but received null",
    );
  });

  it("refuses latents of another shape", () => {
    torch.tidy(() => {
      const latents = torch.zeros([1, 4, 8, 9]);
      expect(() => resolve({ latents })).toThrow(
        "Expected the shape [1, 4, 8, 8] for latents but received [1, 4, 8, 9]",
      );
      expect(
        resolve({ latents, width: 72, height: 64, numInferenceSteps: 1 }, "a", {
          ...small,
          patchSize: 1,
        }).latents,
      ).toBe(latents);
    });
  });

  it("takes encoded prompts in place of texts, with their masks", () => {
    torch.tidy(() => {
      const promptEmbeds = torch.zeros([2, 5, 8]);
      const promptAttentionMask = torch.ones([2, 5], { dtype: "int64" });
      const given = { promptEmbeds, promptAttentionMask };
      const request = resolve({ ...given, numImagesPerPrompt: 2 }, null);
      expect(request.latentShape[0]).toBe(4);
      expect(request.texts.positive).toEqual({
        hiddenStates: promptEmbeds,
        attentionMask: promptAttentionMask,
      });
      expect(request.texts.negative).toEqual(["", ""]);
      expect(() => resolve(given)).toThrow(
        'Expected null, since promptEmbeds are given, for prompt but received "a fox"',
      );
      expect(() => resolve({ promptEmbeds }, null)).toThrow(
        "Expected a mask [2, 5] for promptAttentionMask but received none",
      );
      expect(() => resolve({ promptAttentionMask }, "a")).toThrow(
        "Expected no promptAttentionMask without promptEmbeds but received [2, 5]",
      );
      expect(() =>
        resolve({ ...given, negativePromptEmbeds: promptEmbeds, negativePrompt: "x" }, null),
      ).toThrow("Expected a mask [2, 5] for negativePromptAttentionMask but received none");
    });
  });

  it("takes size from the picture to follow, where none is begun from", () => {
    const controlled = { ...small, hasControlNet: true };
    const [wide, tall] = [RgbImage.filled(96, 64, [0, 0, 0]), RgbImage.filled(64, 96, [0, 0, 0])];
    const request = resolve({ controlImage: [wide, wide] }, ["a", "b"], controlled);
    expect(request.outputSize).toEqual({ width: 96, height: 64 });
    expect(request.controlImages).toEqual([wide, wide]);
    const both = resolve({ controlImage: wide, image: tall }, "a", controlled);
    expect(both.outputSize).toEqual({ width: 64, height: 96 });
    expect(() => resolve({ controlImage: [wide, wide] }, ["a", "b", "c"], controlled)).toThrow(
      "Expected one picture, or 3 (one per prompt), for controlImage but received 2",
    );
    expect(resolve({}, "a", controlled).controlImages).toBeUndefined();
  });

  it("rounds a picture's size down to what can be drawn, as diffusers does, and says so", () => {
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const image = RgbImage.filled(100, 75, [0, 0, 0]);
    expect(resolve({ image, onWarning })).toMatchObject({
      size: { width: 96, height: 64 },
      outputSize: { width: 96, height: 64 },
      latentShape: [1, 4, 8, 12],
    });
    expect(warnings).toEqual([
      "Drawing at 96x64 from a picture of 100x75: sides are multiples of 16. Give width and height for another size",
    ]);
    const tiny = RgbImage.filled(5, 40, [0, 0, 0]);
    expect(resolve({ image: tiny, onWarning }).size).toEqual({ width: 16, height: 32 });
    const controlled = { ...small, hasControlNet: true };
    const led = resolve({ controlImage: image, onWarning }, "a", controlled);
    expect(led.size).toEqual({ width: 96, height: 64 });
    expect(warnings).toHaveLength(3);
  });

  it("rounds no size that was asked for, and none where there are bins", () => {
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const image = RgbImage.filled(100, 75, [0, 0, 0]);
    const asked = resolve({ image, width: 128, height: 80, onWarning });
    expect(asked.size).toEqual({ width: 128, height: 80 });
    expect(() => resolve({ image, width: 100, onWarning })).toThrow(
      "Expected a multiple of 16 for width but received 100. The nearest is 96.",
    );
    expect(resolve({ image, onWarning }, "a fox", released).outputSize).toEqual({
      width: 100,
      height: 75,
    });
    expect(warnings).toEqual([]);
    expect(resolve({ image, width: 128, onWarning }).size).toEqual({ width: 128, height: 64 });
    expect(warnings).toHaveLength(1);
  });

  it("takes size from the picture to begin with", () => {
    const image = RgbImage.filled(96, 64, [0, 0, 0]);
    const request = resolve({ image });
    expect(request.outputSize).toEqual({ width: 96, height: 64 });
    expect(request.start).toMatchObject({ images: [image], strength: 0.8, mask: undefined });
  });
});
