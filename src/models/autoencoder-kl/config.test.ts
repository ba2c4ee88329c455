import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../../errors/index.ts";
import {
  type AutoencoderKLConfig,
  autoencoderKLConfig,
  readAutoencoderKLConfig,
  writeAutoencoderKLConfig,
} from "./config.ts";

/** config.json of stabilityai/sd-vae-ft-ema: it has neither scaling_factor nor force_upcast. */
const fineTuned = {
  _class_name: "AutoencoderKL",
  _diffusers_version: "0.4.2",
  act_fn: "silu",
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array.from({ length: 4 }, () => "DownEncoderBlock2D"),
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 256,
  up_block_types: Array.from({ length: 4 }, () => "UpDecoderBlock2D"),
};

describe("autoencoderKLConfig", () => {
  it("fills in diffusers' defaults", () => {
    expect(autoencoderKLConfig({})).toEqual({
      inChannels: 3,
      outChannels: 3,
      downBlockTypes: ["DownEncoderBlock2D"],
      upBlockTypes: ["UpDecoderBlock2D"],
      blockOutChannels: [64],
      layersPerBlock: 1,
      actFn: "silu",
      latentChannels: 4,
      normNumGroups: 32,
      sampleSize: 32,
      scalingFactor: 0.18215,
      shiftFactor: null,
      latentsMean: null,
      latentsStd: null,
      forceUpcast: true,
      useQuantConv: true,
      usePostQuantConv: true,
      midBlockAddAttention: true,
    });
  });

  it("gives every width its blocks", () => {
    const config = autoencoderKLConfig({ blockOutChannels: [32, 64, 96], normNumGroups: 16 });
    expect(config.downBlockTypes).toHaveLength(3);
    expect(config.upBlockTypes).toHaveLength(3);
  });

  it("names every field that it doesn't understand", () => {
    const wrong = {
      blockOutChannel: [32],
      latentChannels: 0,
      scalingFactor: 0,
      latentsMean: ["a"],
    };
    expect(() => autoencoderKLConfig(wrong as unknown as Partial<AutoencoderKLConfig>)).toThrow(
      new InvalidValueError(
        [
          "Unknown field blockOutChannel. Did you mean blockOutChannels?",
          "Expected a positive integer for latentChannels but received 0",
          "Expected a positive number for scalingFactor but received 0",
          'Expected a list of numbers or null for latentsMean but received ["a"]',
        ].join("\n"),
      ),
    );
  });

  it("refuses widths that the groups of the norms don't divide", () => {
    expect(() => autoencoderKLConfig({ blockOutChannels: [32, 48] })).toThrow(
      "Expected multiples of normNumGroups, 32, for blockOutChannels but received 48",
    );
  });

  it("refuses another number of blocks than of widths", () => {
    const two = { blockOutChannels: [32, 64], upBlockTypes: ["UpDecoderBlock2D"] } as const;
    expect(() => autoencoderKLConfig(two)).toThrow(
      "Expected as many upBlockTypes as blockOutChannels, 2, but received 1",
    );
  });
});

describe("the latents' mean and deviation", () => {
  it("need a number for each channel", () => {
    expect(() => autoencoderKLConfig({ latentsMean: [0, 1], latentsStd: [1, 1, 1, 1] })).toThrow(
      "Expected a number for each of the latentChannels, 4, for latentsMean but received 2",
    );
  });

  it("go together", () => {
    expect(() => autoencoderKLConfig({ latentsStd: [1, 1, 1, 1] })).toThrow(
      "Expected both or neither of latentsMean and latentsStd but received one: latents are normalised with the two together",
    );
  });
});

describe("readAutoencoderKLConfig", () => {
  it("gives files without them the usual scale and float32", () => {
    const config = readAutoencoderKLConfig(fineTuned, "config.json");
    expect(config).toEqual(
      autoencoderKLConfig({
        blockOutChannels: [128, 256, 512, 512],
        layersPerBlock: 2,
        sampleSize: 256,
      }),
    );
    expect(config.scalingFactor).toBe(0.18215);
    expect(config.forceUpcast).toBe(true);
  });

  it("refuses other blocks, activations and classes by the file's names", () => {
    const read = (change: object) => () =>
      readAutoencoderKLConfig({ ...fineTuned, ...change }, "vae/config.json");
    expect(read({ down_block_types: ["AttnDownEncoderBlock2D"], act_fn: "mish" })).toThrow(
      new InvalidValueError(
        [
          'Expected a list of "DownEncoderBlock2D" for down_block_types in vae/config.json but received ["AttnDownEncoderBlock2D"]',
          'Expected "silu" or "swish" for act_fn in vae/config.json but received "mish"',
        ].join("\n"),
      ),
    );
    expect(read({ _class_name: "AsymmetricAutoencoderKL" })).toThrow(
      'Expected AutoencoderKL for _class_name in vae/config.json but received "AsymmetricAutoencoderKL"',
    );
  });

  it("reads back what is written", () => {
    const config = autoencoderKLConfig({
      scalingFactor: 0.13025,
      latentsMean: [0.1, 0, 0, 0],
      latentsStd: [1, 2, 1, 1],
      actFn: "swish",
    });
    const json = writeAutoencoderKLConfig(config);
    expect(json._class_name).toBe("AutoencoderKL");
    expect(readAutoencoderKLConfig(json, "config.json")).toEqual(config);
  });
});
