import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AutoencoderKL } from "../models/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { readSafetensors, writeSafetensors } from "../weights/index.ts";
import { stateHash } from "./state-hash.ts";
import type { Pictures } from "./training-data.ts";

const BATCH = 32;

/**
 * The distributions of all pictures' latents under a frozen autoencoder: mean and standard deviation, so that every epoch
 * draws anew as training on the pictures themselves would. Kept in a file named by the hash of pixels and encoder.
 */
export class LatentCache {
  readonly #mean: Tensor; // (N, C, h, w)
  readonly #std: Tensor; // (N, C, h, w)

  private constructor(mean: Tensor, std: Tensor) {
    this.#mean = torch.keep(mean);
    this.#std = torch.keep(std);
  }

  /** Reads the cache file in `folder`, or encodes the pictures and writes it. */
  static async open(folder: string, pictures: Pictures, vae: AutoencoderKL): Promise<LatentCache> {
    const key = createHash("sha256")
      .update(pictures.fingerprint)
      .update(stateHash(vae))
      .digest("hex")
      .slice(0, 16);
    const path = join(folder, `latents-${key}.safetensors`);
    if (!existsSync(path)) {
      const encoded = LatentCache.encode(pictures, vae);
      await mkdir(folder, { recursive: true });
      await writeSafetensors(
        path,
        new Map([
          ["mean", encoded.#mean],
          ["std", encoded.#std],
        ]),
      );
      return encoded;
    }
    const file = readSafetensors(path);
    try {
      return new LatentCache(file.tensor("mean"), file.tensor("std"));
    } finally {
      file.close();
    }
  }

  /** Encodes all pictures, some at a time. */
  static encode(pictures: Pictures, vae: AutoencoderKL): LatentCache {
    const [mean, std] = torch.tidy((): [Tensor, Tensor] => {
      const means: Tensor[] = [];
      const stds: Tensor[] = [];
      for (let from = 0; from < pictures.length; from += BATCH) {
        const ids = Array.from(
          { length: Math.min(BATCH, pictures.length - from) },
          (_, i) => from + i,
        );
        const [m, s] = torch.noGrad(() =>
          torch.tidy((): [Tensor, Tensor] => {
            const latents = vae.encode(pictures.batch(ids));
            return [latents.mean.contiguous(), latents.logvar.mul(0.5).exp()];
          }),
        );
        means.push(m);
        stds.push(s);
      }
      return [torch.cat(means), torch.cat(stds)];
    });
    return new LatentCache(mean, std);
  }

  /** (C, h, w) of one latent. */
  get shape(): number[] {
    return this.#mean.shape.slice(1);
  }

  /** Root mean square of all drawn latents' elements around their mean, before scaling. */
  spread(): number {
    return torch.tidy(() =>
      Math.sqrt(
        this.#mean.var(undefined, { correction: 0 }).item() + this.#std.square().mean().item(),
      ),
    );
  }

  /** Draws of the latents with these numbers from standard normal `noise` (B, C, h, w). */
  draw(ids: readonly number[], noise: Tensor): Tensor {
    return torch.tidy(() => {
      const rows = torch.tensor([...ids], { dtype: "int64" });
      return this.#mean.indexSelect(0, rows).add(this.#std.indexSelect(0, rows).mul(noise));
    });
  }

  dispose(): void {
    this.#mean.dispose();
    this.#std.dispose();
  }
}
