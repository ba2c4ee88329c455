import type { RgbImage } from "../../images/index.ts";
import type { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import { disposeText } from "../../pipelines/prompts/encoded-text.ts";
import * as torch from "../../torch/index.ts";
import { captionStates, rowsOf } from "./caption-states.ts";
import { cleanLatents } from "./clean-latents.ts";
import { DenoisingErrors, type FixedNoise } from "./denoising-errors.ts";

const AT_ONCE = 32;

/** Mean squared errors of a model's denoised pictures under fixed noise and their own captions: one array per noise level. */
export async function measureErrors(
  pipe: PixArtAlphaPipeline,
  pictures: readonly { readonly image: RgbImage; readonly caption: string }[],
  noise: FixedNoise,
): Promise<Float32Array[]> {
  using clean = await cleanLatents(
    pipe,
    pictures.map(({ image }) => image),
  );
  const text = await captionStates(
    pipe,
    pictures.map(({ caption }) => caption),
  );
  using errors = new DenoisingErrors(pipe, noise);
  const found = noise.logSnrs.map(() => new Float32Array(pictures.length));
  try {
    for (let from = 0; from < pictures.length; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, pictures.length - from);
      const rows = Array.from({ length: count }, (_, i) => from + i);
      const some = torch.tidy(() =>
        errors.of(clean.narrow(0, from, count), rowsOf(text, rows)).toFloat32Array(),
      );
      for (const [level, own] of found.entries())
        own.set(some.subarray(level * count, (level + 1) * count), from);
    }
    return found;
  } finally {
    disposeText(text);
  }
}
