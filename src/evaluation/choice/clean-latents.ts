import type { RgbImage } from "../../images/index.ts";
import { imagesFromTensor, type PixArtAlphaPipeline } from "../../pipelines/index.ts";
import { pictureTensor } from "../../pipelines/sizes/image-inputs.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { picturesAtOnce } from "./pictures-at-once.ts";

/** How many of these pictures to process at once. */
const atOnceOf = ([first]: readonly RgbImage[]): number =>
  picturesAtOnce(Math.max(first?.width ?? 1, first?.height ?? 1));

/** Mean latents (B, C, h, w) of pictures of one size, scaled as in the model's training. The tensor is the caller's. */
export async function cleanLatents(
  { vae, transformer }: PixArtAlphaPipeline,
  images: readonly RgbImage[],
): Promise<Tensor> {
  const { device, dtype } = transformer;
  const atOnce = atOnceOf(images);
  const parts: Tensor[] = [];
  try {
    for (let from = 0; from < images.length; from += atOnce) {
      const some = images.slice(from, from + atOnce);
      using pictures = await pictureTensor(some, some[0] as RgbImage); // (b, 3, H, W)
      parts.push(
        torch.noGrad(() =>
          vae.upcasted(() =>
            torch.tidy(() => {
              const encoded = vae.encode(pictures.to({ device: vae.device, dtype: vae.dtype }));
              const latents = encoded instanceof torch.Tensor ? encoded : encoded.mean;
              return vae.toDiffusion(latents).to({ device, dtype, copy: true });
            }),
          ),
        ),
      );
    }
    return torch.tidy(() => torch.cat(parts));
  } finally {
    for (const part of parts) part.dispose();
  }
}

/** Encodes and decodes pictures of one size: no drawn picture can be better than the result. */
export async function throughAutoencoder(
  pipe: PixArtAlphaPipeline,
  images: readonly RgbImage[],
): Promise<RgbImage[]> {
  using latents = await cleanLatents(pipe, images);
  return torch.tidy(() =>
    latents
      .split(atOnceOf(images))
      .flatMap((some) => torch.tidy(() => imagesFromTensor(pipe.decode(some)))),
  );
}
