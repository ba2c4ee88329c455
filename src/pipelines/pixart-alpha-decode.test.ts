import { describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { TINY_TRANSFORMER } from "../../test/fixtures/tiny-pipeline.ts";
import {
  AutoencoderKL,
  type AutoencoderKLConfig,
  PixArtTransformer2DModel,
} from "../models/index.ts";
import { construct } from "../nn/index.ts";
import { DPMSolverMultistepScheduler } from "../schedulers/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { PixArtAlphaPipeline } from "./published/from-pretrained.ts";

const tokenizer = T5Tokenizer.fromCaptions(["a red fox in the snow"], { vocabSize: 40 });

/** A pipeline round an autoencoder. */
const around = (vae: AutoencoderKL): PixArtAlphaPipeline =>
  PixArtAlphaPipeline.create({
    tokenizer,
    textEncoder: null,
    transformer: new PixArtTransformer2DModel(TINY_TRANSFORMER),
    vae,
    scheduler: DPMSolverMultistepScheduler.fromConfig(),
  });

const build = (config: Partial<AutoencoderKLConfig> = {}): AutoencoderKL =>
  construct(
    { generator: torch.generator(3) },
    () => new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4, ...config }),
  );
const latents = torch.randn([2, 4, 4, 4], { generator: torch.generator(1) });

describe("decode", () => {
  it("undoes the scale and shift of the autoencoder's configuration", () => {
    const pictures = around(build({ scalingFactor: 0.5, shiftFactor: 0.25 })).decode(latents);
    const raw = build().decode(latents.mul(2).add(0.25));
    const wanted = raw.div(2).add(0.5).clamp({ min: 0, max: 1 });
    expect(torch.tidy(() => pictures.sub(wanted).abs().amax().item())).toBeLessThan(1e-6);
  });

  it("computes in float32 where the autoencoder overflows its float16, and leaves it in float16", () => {
    const wide = (forceUpcast: boolean): AutoencoderKL => {
      const vae = build({ forceUpcast });
      torch.noGrad(() => vae.decoder.convIn.weight.mul_(3e5));
      return vae.to({ dtype: "float16" });
    };
    const vae = wide(true);
    const pipe = around(vae);
    collectGarbage();
    const before = torch.memory().tensors;
    const pictures = pipe.decode(latents);
    expect(torch.memory().tensors).toBe(before + 1);
    expect(vae.dtype).toBe("float16");
    const exact = around(wide(true).to({ dtype: "float32" })).decode(latents);
    expect(pictures.equal(exact)).toBe(true);
    expect(new Set(pictures.toFloat32Array()).size).toBeGreaterThan(10);
    expect(() => around(wide(false)).decode(latents)).toThrow(
      /^The autoencoder gave (NaN|an infinity) when it decoded \(computed in float16\): float16 ends at 65504/,
    );
  });
});
