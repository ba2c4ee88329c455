import type { RgbImage } from "../images/index.ts";
import type { AutoencoderTiny } from "../models/index.ts";
import { toUnitRange } from "../pipelines/generated-image.ts";
import { imagesFromTensor, type PixArtAlphaPipeline } from "../pipelines/index.ts";
import { pictureLatents } from "../pipelines/latents.ts";
import type { PreviewWay, RawPicture } from "../server/engine/engine-messages.ts";
import * as torch from "../torch/index.ts";
import { fittingPictures } from "./fitting-pictures.ts";
import { type LatentValues, LinearPreview } from "./linear-preview.ts";
import { rawPicture } from "./raw-picture.ts";

// Shapes: B pictures, C latent channels, h and w size of a latent picture.

/**
 * Draws small or full pictures of some rows of latents (B, C, h, w) without noise, during a drawing. The pipeline is passed each
 * time because it may have been unloaded and loaded again.
 */
export type PreviewMaker = (
  pipe: PixArtAlphaPipeline,
  latents: torch.Tensor,
  rows: readonly number[],
) => RawPicture[];

/**
 * The preview maker of a model; undefined if it has no previews.
 * @param taesd gives the tiny autoencoder, which stays its owner's
 */
export async function previewMaker(
  way: PreviewWay,
  pipe: PixArtAlphaPipeline,
  taesd: () => Promise<AutoencoderTiny>,
): Promise<PreviewMaker | undefined> {
  switch (way) {
    case "off":
      return undefined;
    case "full":
      return decodedPreviews;
    case "linear":
      return linearPreviews(pipe);
    case "taesd": {
      const tiny = await taesd();
      return (_, latents, rows) =>
        torch.noGrad(() =>
          torch.tidy(() => {
            const decoded = tiny.decode(tiny.fromDiffusion(chosen(latents, rows)));
            return imagesFromTensor(toUnitRange(decoded)).map(rawPicture);
          }),
        );
    }
  }
}

const chosen = (latents: torch.Tensor, rows: readonly number[]): torch.Tensor =>
  torch.cat(rows.map((row) => latents.narrow(0, row, 1)));

const decodedPreviews: PreviewMaker = (pipe, latents, rows) =>
  torch.tidy(() => imagesFromTensor(pipe.decode(chosen(latents, rows))).map(rawPicture));

/**
 * Previews by a linear map, fitted now on pictures encoded by the model's autoencoder, which takes a second or two for a large
 * one.
 */
async function linearPreviews(pipe: PixArtAlphaPipeline): Promise<PreviewMaker> {
  const { vae, vaeScaleFactor } = pipe;
  const cells = 16;
  const side = cells * vaeScaleFactor;
  const pictures = fittingPictures(side);
  const { device, dtype } = pipe.transformer;
  const channels = pipe.transformer.config.inChannels;
  using latents = await pictureLatents(
    pictures,
    {
      size: { width: side, height: side },
      latentShape: [pictures.length, channels, cells, cells],
      generator: pictures.map((_, seed) => torch.generator(seed)),
      numImagesPerPrompt: 1,
    },
    { vae, device, dtype },
  );
  const map = LinearPreview.fit(valuesOf(latents), meanColours(pictures, cells));
  return (_, latents, rows) => {
    const values = valuesOf(latents);
    return rows.map((row) => map.draw(values, row));
  };
}

const valuesOf = (latents: torch.Tensor): LatentValues => ({
  shape: latents.shape,
  values: torch.tidy(() => latents.to({ device: "cpu" }).float().toFloat32Array()),
});

/** (B, 3, cells, cells), 0 to 1: mean colours of equal squares. */
export function meanColours(pictures: readonly RgbImage[], cells: number): Float32Array {
  const means = new Float32Array(pictures.length * 3 * cells * cells);
  for (const [b, { width, data }] of pictures.entries()) {
    const side = width / cells;
    for (let i = 0; i < data.length; i++) {
      const pixel = Math.floor(i / 3);
      const [x, y] = [Math.floor((pixel % width) / side), Math.floor(pixel / width / side)];
      const at = ((b * 3 + (i % 3)) * cells + y) * cells + x;
      means[at] = (means[at] ?? 0) + (data[i] ?? 0) / (255 * side * side);
    }
  }
  return means;
}
