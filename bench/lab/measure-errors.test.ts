import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { captionStates } from "../../src/evaluation/choice/caption-states.ts";
import { cleanLatents } from "../../src/evaluation/choice/clean-latents.ts";
import type { RgbImage } from "../../src/images/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { disposeText } from "../../src/pipelines/prompts/encoded-text.ts";
import { NoiseSchedule } from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import { measureErrors } from "./measure-errors.ts";

const CAPTIONS = ["a fox, noto style", "a banana, noto style"];
const SEED = 3;

let pipe: PixArtAlphaPipeline;
let pictures: { readonly image: RgbImage; readonly caption: string }[];

beforeAll(async () => {
  pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
  const { images } = await pipe(CAPTIONS, { numInferenceSteps: 4, seed: 1, cleanCaption: false });
  pictures = images.map((image, i) => ({ image, caption: CAPTIONS[i] ?? "" }));
});
afterAll(() => pipe.dispose());

/** The error of x₀ = √ᾱ x_t − √(1 − ᾱ) v at a timestep, by the formula. */
async function byFormula(timestep: number, noiseIndex: number): Promise<number[]> {
  using clean = await cleanLatents(
    pipe,
    pictures.map(({ image }) => image),
  );
  const text = await captionStates(pipe, CAPTIONS);
  const errors = torch.noGrad(() =>
    torch.tidy(() => {
      const generator = torch.stream(SEED, "choice/noise", noiseIndex);
      const noise = torch.randn([1, ...clean.shape.slice(1)], { generator });
      const { acp = 0 } = NoiseSchedule.linear().at(timestep);
      const noisy = clean.mul(Math.sqrt(acp)).add(noise.mul(Math.sqrt(1 - acp)));
      const output = pipe.transformer.call(noisy, {
        encoderHiddenStates: text.hiddenStates,
        encoderAttentionMask: text.attentionMask,
        timestep: torch.full([2], timestep),
      });
      const velocity = output.narrow(1, 0, clean.size(1));
      const found = noisy.mul(Math.sqrt(acp)).sub(velocity.mul(Math.sqrt(1 - acp)));
      return [...found.sub(clean).square().flatten(1).mean([1]).toFloat32Array()];
    }),
  );
  disposeText(text);
  return errors;
}

describe("measureErrors", () => {
  it("is the error of the picture found at the timestep of a noise level", async () => {
    // 1000 linear betas from 0.0001 to 0.02: log(ᾱ/(1 − ᾱ)) is nearest to 1 at 172 and to −3 at 547.
    const noise = { logSnrs: [1, -3], noises: 1, seed: SEED };
    const [low = [], high = []] = await measureErrors(pipe, pictures, noise);
    for (const [measured, timestep, noiseIndex] of [
      [low, 172, 0],
      [high, 547, 1],
    ] as const) {
      const expected = await byFormula(timestep, noiseIndex);
      for (const [i, error] of expected.entries()) expect(measured[i]).toBeCloseTo(error, 5);
    }
    expect(high[0]).toBeGreaterThan(low[0] ?? 1);
  });

  it("is nearly the same in bfloat16, and leaves nothing behind", async () => {
    const before = torch.memory().tensors;
    const noise = { logSnrs: [-1], noises: 2, seed: SEED };
    const [exact = []] = await measureErrors(pipe, pictures, noise);
    const [rounded = []] = await measureErrors(pipe, pictures, { ...noise, precision: "bfloat16" });
    expect(rounded).not.toEqual(exact);
    for (const [i, error] of exact.entries())
      expect(Math.abs((rounded[i] ?? 0) / error - 1)).toBeLessThan(0.05);
    expect(torch.memory().tensors).toBe(before);
  });
});
