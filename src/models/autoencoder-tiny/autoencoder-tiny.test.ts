import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { InvalidValueError } from "../../errors/index.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { AutoencoderTiny } from "./autoencoder-tiny.ts";
import {
  type AutoencoderTinyConfig,
  autoencoderTinyConfig,
  readAutoencoderTinyConfig,
} from "./config.ts";

beforeEach(collectGarbage);

const build = (): AutoencoderTiny =>
  construct(
    { generator: torch.generator(0) },
    () =>
      new AutoencoderTiny({
        encoderBlockOutChannels: [8, 8],
        decoderBlockOutChannels: [8, 8],
        numEncoderBlocks: [1, 1],
        numDecoderBlocks: [1, 1],
      }),
  );

/** config.json of madebyollin/taesd. */
const released = {
  _class_name: "AutoencoderTiny",
  _diffusers_version: "0.20.0.dev0",
  act_fn: "relu",
  decoder_block_out_channels: [64, 64, 64, 64],
  encoder_block_out_channels: [64, 64, 64, 64],
  force_upcast: false,
  in_channels: 3,
  latent_channels: 4,
  latent_magnitude: 3,
  latent_shift: 0.5,
  num_decoder_blocks: [3, 3, 3, 1],
  num_encoder_blocks: [1, 3, 3, 3],
  out_channels: 3,
  scaling_factor: 1.0,
  upsampling_scaling_factor: 2,
};

describe("AutoencoderTiny", () => {
  it("takes a diffusion model's latents as they are", () => {
    const latents = torch.randn([1, 4, 2, 2]);
    expect(build().toDiffusion(latents).equal(latents)).toBe(true);
    expect(build().fromDiffusion(latents).equal(latents)).toBe(true);
  });

  it("frees everything but its results", () => {
    const model = build();
    const x = torch.rand([1, 3, 4, 4]);
    model.call(x).dispose();
    const before = torch.memory().tensors;
    const results = [model.encode(x), model.call(x)];
    expect(torch.memory().tensors).toBe(before + results.length);
  });

  it("says what it wants of its inputs", () => {
    expect(() => build().encode(torch.zeros([3, 8, 8]))).toThrow(
      "Expected a tensor [batch, 3, height, width] for images but received [3, 8, 8]",
    );
    expect(() => build().decode(torch.zeros([1, 3, 8, 8]))).toThrow(
      "Expected a tensor [batch, 4, height, width] for latents but received [1, 3, 8, 8]",
    );
  });
});

describe("the configuration", () => {
  it("is the released one where nothing is said", () => {
    expect(readAutoencoderTinyConfig(released, "config.json")).toEqual(autoencoderTinyConfig({}));
  });

  it("takes the widths that pipelines look at from the decoder", () => {
    const { blockOutChannels } = autoencoderTinyConfig({
      decoderBlockOutChannels: [8, 8],
      numDecoderBlocks: [1, 1],
      blockOutChannels: [4],
    });
    expect(blockOutChannels).toEqual([8, 8]);
  });

  const of = (given: Partial<AutoencoderTinyConfig>) => () => autoencoderTinyConfig(given);

  it("refuses what could not be run", () => {
    expect(of({ encoderBlockOutChannels: [64, 64] })).toThrow(
      "Expected as many numEncoderBlocks as encoderBlockOutChannels, 2, but received 4",
    );
    expect(of({ decoderBlockOutChannels: [64, 64, 32, 64] })).toThrow(
      "Expected equal widths for decoderBlockOutChannels but received 64 and 32: no layer of it changes the width",
    );
    expect(of({ actFn: "mish", upsampleFn: "area", forceUpcast: true } as never)).toThrow(
      new InvalidValueError(
        [
          'Expected "relu" or "silu" or "swish" or "gelu" for actFn but received "mish"',
          'Expected "nearest" or "bilinear" or "bicubic" for upsampleFn but received "area"',
          "Expected false for forceUpcast but received true",
        ].join("\n"),
      ),
    );
    expect(() =>
      readAutoencoderTinyConfig({ ...released, _class_name: "AutoencoderKL" }, "vae/config.json"),
    ).toThrow(
      'Expected AutoencoderTiny for _class_name in vae/config.json but received "AutoencoderKL"',
    );
  });
});
