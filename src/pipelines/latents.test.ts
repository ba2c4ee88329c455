import { expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { RgbImage } from "../images/index.ts";
import { AutoencoderKL, type AutoencoderKLConfig } from "../models/index.ts";
import { construct } from "../nn/index.ts";
import { schedulerNamed } from "../schedulers/index.ts";
import * as torch from "../torch/index.ts";
import { pictureLatents, prepareLatents } from "./latents.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import { pictureTensor } from "./sizes/image-inputs.ts";

const size = { width: 8, height: 8 };
const build = (config: Partial<AutoencoderKLConfig> = {}): AutoencoderKL =>
  construct(
    { generator: torch.generator(3) },
    () => new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4, ...config }),
  );
const picture = (seed: number): RgbImage =>
  new RgbImage(
    8,
    8,
    Uint8Array.from({ length: 192 }, (_, i) => (i * 37 * seed) % 256),
  );
const shared = (rows: number, seed = 1) => ({
  size,
  latentShape: [rows, 4, 4, 4],
  generator: torch.generator(seed),
  numImagesPerPrompt: 2,
});
const float32 = (vae: AutoencoderKL) => ({ vae, device: "cpu", dtype: "float32" }) as const;
const distance = (a: torch.Tensor, b: torch.Tensor): number =>
  torch.tidy(() => a.float().sub(b.float()).abs().amax().item());

it("draws from the autoencoder's distribution, scaled by its configuration", async () => {
  const vae = build({ scalingFactor: 0.5, shiftFactor: 0.25 });
  const latents = await pictureLatents([picture(1)], shared(1), float32(vae));
  const { mean, logvar } = vae.encode(await pictureTensor([picture(1)], size));
  const noise = torch.randn([1, 4, 4, 4], { generator: torch.generator(1) });
  const sampled = mean.add(logvar.div(2).exp().mul(noise));
  expect(distance(latents, sampled.sub(0.25).mul(0.5))).toBeLessThan(1e-6);
});

it("goes by the mean and deviation of each channel where they are known", async () => {
  const [latentsMean, latentsStd] = [
    [1, 2, 3, 4],
    [2, 4, 8, 16],
  ];
  const latents = await pictureLatents(
    [picture(1)],
    shared(1),
    float32(build({ scalingFactor: 0.5, latentsMean, latentsStd })),
  );
  const plain = await pictureLatents([picture(1)], shared(1), float32(build({ scalingFactor: 1 })));
  const channel = (c: number) =>
    [latents, plain].map((x) => Array.from(x.narrow(1, c, 1).contiguous().toFloat32Array()));
  for (const [c, mean] of latentsMean.entries()) {
    const [found = [], raw = []] = channel(c);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo((0.5 * ((raw[i] ?? 0) - mean)) / 2 ** (c + 1), 5);
    });
  }
});

it("gives a shared generator's pictures one latent each, and rows of their own generators their own", async () => {
  const vae = build();
  const rows = await pictureLatents([picture(1), picture(2)], shared(4), float32(vae));
  const row = (x: torch.Tensor, i: number): torch.Tensor => x.narrow(0, i, 1);
  expect(row(rows, 0).equal(row(rows, 1))).toBe(true);
  expect(row(rows, 2).equal(row(rows, 3))).toBe(true);
  expect(row(rows, 0).equal(row(rows, 2))).toBe(false);
  const generator = [1, 2].map((seed) => torch.generator(seed));
  const own = await pictureLatents([picture(1)], { ...shared(2), generator }, float32(vae));
  for (const [i, seed] of [1, 2].entries()) {
    const alone = await pictureLatents([picture(1)], shared(1, seed), float32(vae));
    expect(distance(row(own, i), alone)).toBeLessThan(1e-5);
  }
});

it("encodes in float32 where the autoencoder overflows its float16, and leaves it in float16", async () => {
  const wide = (forceUpcast: boolean): AutoencoderKL => {
    const vae = build({ forceUpcast });
    torch.noGrad(() => vae.encoder.convIn.weight.mul_(3e5));
    return vae.to({ dtype: "float16" });
  };
  const vae = wide(true);
  collectGarbage();
  const before = torch.memory().tensors;
  const latents = await pictureLatents([picture(1)], shared(1), float32(vae));
  expect(latents.dtype).toBe("float32");
  expect(torch.memory().tensors).toBe(before + 1);
  expect(vae.dtype).toBe("float16");
  const exact = await pictureLatents(
    [picture(1)],
    shared(1),
    float32(wide(true).to({ dtype: "float32" })),
  );
  expect(latents.equal(exact)).toBe(true);
  const half = await pictureLatents([picture(1)], shared(1), float32(wide(false)));
  expect(Number.isFinite(torch.tidy(() => half.float().abs().amax().item()))).toBe(false);
});

it.each(["float32", "bfloat16"] as const)(
  "leaves nothing behind of a mask in %s",
  async (dtype) => {
    const vae = build();
    using scheduler = schedulerNamed("ddim");
    scheduler.setTimesteps(4);
    const mask = RgbImage.filled(8, 8, [255, 255, 255]);
    const request: Pick<
      PixArtAlphaRequest,
      | "start"
      | "size"
      | "latentShape"
      | "generator"
      | "numImagesPerPrompt"
      | "latents"
      | "skippedTimesteps"
    > = {
      ...shared(1),
      latents: undefined,
      skippedTimesteps: 0,
      start: { images: [picture(1)], strength: 1, mask },
    };
    const parts = { vae, vaeScaleFactor: 2, scheduler, device: "cpu", dtype } as const;
    collectGarbage();
    const before = torch.memory().tensors;
    const { latents, kept } = await prepareLatents(request as PixArtAlphaRequest, parts);
    expect([latents.dtype, kept === undefined]).toEqual([dtype, false]);
    latents.dispose();
    kept?.dispose();
    expect(torch.memory().tensors).toBe(before);
  },
);
