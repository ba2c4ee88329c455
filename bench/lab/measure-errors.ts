import { captionStates, rowsOf } from "../../src/evaluation/choice/caption-states.ts";
import { cleanLatents } from "../../src/evaluation/choice/clean-latents.ts";
import { DenoisingErrors, type FixedNoise } from "../../src/evaluation/choice/denoising-errors.ts";
import type { RgbImage } from "../../src/images/index.ts";
import { disposable } from "../../src/pipelines/checks/disposable.ts";
import type { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { disposeText } from "../../src/pipelines/prompts/encoded-text.ts";
import * as torch from "../../src/torch/index.ts";

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
  const captions = pictures.map(({ caption }) => caption);
  using text = disposable(await captionStates(pipe, captions), disposeText);
  using errors = new DenoisingErrors(pipe, noise);
  const found = noise.logSnrs.map(() => new Float32Array(pictures.length));
  for (let from = 0; from < pictures.length; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, pictures.length - from);
    const rows = Array.from({ length: count }, (_, i) => from + i);
    const some = torch.tidy(() =>
      errors.of(clean.narrow(0, from, count), rowsOf(text.value, rows)).toFloat32Array(),
    );
    for (const [level, own] of found.entries())
      own.set(some.subarray(level * count, (level + 1) * count), from);
  }
  return found;
}
