import type { RgbImage } from "../images/index.ts";
import { pictureTensor } from "../pipelines/image-inputs.ts";
import { imagesFromTensor, type PixArtAlphaPipeline } from "../pipelines/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

const AT_ONCE = 32;

/** Means of the latents of pictures of one size (B, C, h, w), as the model was trained on them. The tensor is the caller's. */
export async function cleanLatents(
  { vae, transformer }: PixArtAlphaPipeline,
  images: readonly RgbImage[],
): Promise<Tensor> {
  const { device, dtype } = transformer;
  const parts: Tensor[] = [];
  try {
    for (let from = 0; from < images.length; from += AT_ONCE) {
      const some = images.slice(from, from + AT_ONCE);
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

/** Pictures of one size, encoded and decoded again: no drawn picture is better than that. */
export async function throughAutoencoder(
  pipe: PixArtAlphaPipeline,
  images: readonly RgbImage[],
): Promise<RgbImage[]> {
  using latents = await cleanLatents(pipe, images);
  return torch.tidy(() =>
    latents.split(AT_ONCE).flatMap((some) => torch.tidy(() => imagesFromTensor(pipe.decode(some)))),
  );
}
