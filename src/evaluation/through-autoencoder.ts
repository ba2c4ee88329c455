import { RgbImage } from "../images/index.ts";
import type { AutoencoderKL, AutoencoderTiny } from "../models/index.ts";
import { pictureTensor } from "../pipelines/image-inputs.ts";
import * as torch from "../torch/index.ts";

const AT_ONCE = 32;

/** Pictures of one size, encoded and decoded again: no drawn picture is better than that. */
export async function throughAutoencoder(
  vae: AutoencoderKL | AutoencoderTiny,
  images: readonly RgbImage[],
): Promise<RgbImage[]> {
  const found: RgbImage[] = [];
  for (let from = 0; from < images.length; from += AT_ONCE) {
    const some = images.slice(from, from + AT_ONCE);
    const { width, height } = some[0] as RgbImage;
    using pictures = await pictureTensor(some, { width, height }); // (B, 3, H, W)
    const bytes = torch.noGrad(() =>
      vae.upcasted(() =>
        torch.tidy(() => {
          const encoded = vae.encode(pictures.to({ device: vae.device, dtype: vae.dtype }));
          const latents = encoded instanceof torch.Tensor ? encoded : encoded.mean;
          const decoded = vae.decode(latents).float().mul(0.5).add(0.5).clamp({ min: 0, max: 1 });
          const rows = decoded.mul(255).round().permute([0, 2, 3, 1]).to({ dtype: "uint8" });
          return rows.contiguous().toBytes();
        }),
      ),
    );
    const size = width * height * 3;
    for (let i = 0; i < some.length; i++)
      found.push(new RgbImage(width, height, bytes.slice(i * size, (i + 1) * size)));
  }
  return found;
}

/** Peak signal-to-noise ratio in dB, of all pictures together. */
export function psnr(found: readonly RgbImage[], wanted: readonly RgbImage[]): number {
  let [squares, count] = [0, 0];
  for (const [i, { data }] of found.entries()) {
    const other = wanted[i]?.data;
    for (let at = 0; at < data.length; at++)
      squares += ((data[at] as number) - (other?.[at] ?? Number.NaN)) ** 2;
    count += data.length;
  }
  return 10 * Math.log10(255 ** 2 / (squares / count));
}
