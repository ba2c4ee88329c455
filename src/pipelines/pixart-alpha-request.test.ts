import { afterEach, describe, expect, it, vi } from "vitest";
import * as torch from "../torch/index.ts";
import { type PixArtAlphaOptions, resolveRequest } from "./pixart-alpha-request.ts";

const small = { sampleSize: 8, patchSize: 2, latentChannels: 4, vaeScaleFactor: 8 };
const released = { ...small, sampleSize: 128 };

const resolve = (
  options: PixArtAlphaOptions = {},
  prompt: string | readonly string[] = "a fox",
  limits: typeof small = small,
) => resolveRequest(prompt, options, limits);

afterEach(() => vi.restoreAllMocks());

describe("resolveRequest", () => {
  it("fills in what is left out", () => {
    const request = resolve();
    expect(request).toMatchObject({
      prompts: ["a fox"],
      negativePrompts: [""],
      numImagesPerPrompt: 1,
      numInferenceSteps: 20,
      guidanceScale: 4.5,
      size: { width: 64, height: 64 },
      outputSize: { width: 64, height: 64 },
      latentShape: [1, 4, 8, 8],
      maxSequenceLength: 120,
      signal: undefined,
    });
  });

  it("counts pictures by prompt, and gives each prompt what to lead away from", () => {
    const request = resolve({ numImagesPerPrompt: 3, negativePrompt: "blur" }, ["a", ""]);
    expect(request.latentShape).toEqual([6, 4, 8, 8]);
    expect(request.negativePrompts).toEqual(["blur", "blur"]);
    expect(resolve({ negativePrompt: ["x", "y"] }, ["a", "b"]).negativePrompts).toEqual(["x", "y"]);
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
    const { noise } = resolve({ numImagesPerPrompt: 2 });
    if (!Array.isArray(noise)) throw new Error("no list of generators");
    const [first, second] = noise as torch.Generator[];
    expect(Number(second?.seed) - Number(first?.seed)).toBe(1);
    expect(resolve().noise).not.toEqual(noise);
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
    [
      { guidanceScale: 0.5 },
      "Expected a number of at least 1 (no guidance) for guidanceScale but received 0.5",
    ],
    [
      { guidanceScale: Number.NaN },
      "Expected a number of at least 1 (no guidance) for guidanceScale but received NaN",
    ],
    [{ width: 0 }, "Expected a positive integer for width but received 0"],
    [{ width: 65 }, "Expected a multiple of 16 for width but received 65. The nearest is 64."],
    [{ height: 7 }, "Expected a multiple of 16 for height but received 7. The nearest is 16."],
    [
      { useResolutionBinning: true },
      "Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize 128, 64, 32, not for 8.",
    ],
    [
      { cleanCaption: true as unknown as false },
      "Expected false for cleanCaption but received true",
    ],
    [
      { negativePrompt: ["a", "b"] },
      "Expected 1 texts, one a prompt, for negativePrompt but received 2",
    ],
    [
      { generator: [torch.generator(1), torch.generator(2)] },
      "Expected 1 generators, one a picture, for generator but received 2",
    ],
  ])("refuses %j", (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });

  it("refuses prompts that are no text", () => {
    expect(() => resolve({}, [])).toThrow(
      "Expected a text or a list of texts for prompt but received []",
    );
    expect(() => resolve({}, [7 as unknown as string])).toThrow(
      "Expected a text or a list of texts for prompt but received [7]",
    );
    expect(() => resolve({}, null as unknown as string)).toThrow(
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
        }).noise,
      ).toBe(latents);
    });
  });
});
