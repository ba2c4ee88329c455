import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { PixArtAlphaPipeline } from "./from-pretrained.ts";
import type { PixArtAlphaPretrainedOptions } from "./pretrained-options.ts";

const load = (options: object) =>
  PixArtAlphaPipeline.fromPretrained("emoji-demo", options as PixArtAlphaPretrainedOptions);

describe("fromPretrained in plain JavaScript", () => {
  it.each<[object, string | RegExp]>([
    [
      { torch_dtype: "bfloat16", devise: "cpu" },
      "Expected known options for loading a pipeline but received torch_dtype (did you mean dtype?) and devise (did you mean device?)",
    ],
    [{ cacheDir: "x" }, "cacheDir (did you mean the variable HF_HUB_CACHE?)"],
    [
      { dtype: "fp16" },
      'Expected "float32", "float64", "bfloat16", "float16", "auto" or "fastest" for dtype but received "fp16"',
    ],
    [{ quantize: "int4" }, 'Expected "int8" for quantize but received "int4"'],
    [{ scheduler: "ddimm" }, '(or a diffusers class name) for scheduler but received "ddimm"'],
    [
      { scheduler: 4 },
      'Expected a name such as "euler", or a loaded scheduler, for scheduler but received 4',
    ],
    [{ device: 0 }, "Expected a text for device but received 0"],
    [
      { device: "gpu" },
      "Expected an available device but received gpu. Did you mean cuda? This libtorch has cpu",
    ],
    [
      { device: "cuda:7" },
      /^Expected an available device but received cuda:7\. (The loaded libtorch .* has cpu.*: is it a build for that device|This process sees cuda:0)/,
    ],
  ])("refuses %j", async (options, message) => {
    await expect(load(options)).rejects.toThrow(message);
  });

  it("takes what is undefined for left out, and auto for a device", async () => {
    const pipe = await load({ scheduler: undefined, textEncoder: undefined, device: "auto" });
    expect(pipe.textEncoder).not.toBeNull();
    pipe.dispose();
  });

  it("loads all parts in the fastest number type", async () => {
    const pipe = await load({ dtype: "fastest" });
    const fastest = torch.fastestDType("cpu");
    expect([pipe.transformer.dtype, pipe.vae.dtype]).toEqual([fastest, fastest]);
    pipe.dispose();
  });
});
