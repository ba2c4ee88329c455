import type { ResolvedStage } from "../../config/index.ts";
import { RgbImage } from "../../images/index.ts";
import type { AutoencoderKL } from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { LatentCache } from "../latent-cache.ts";
import {
  type Batch,
  prefixed,
  type SampleSheet,
  type Split,
  type StageLoss,
  type StageTask,
} from "../stage-task.ts";
import { Pictures, type TrainingData } from "../training-data.ts";

type AutoencoderStage = ResolvedStage<"autoencoder">;

const SHOWN = 8;

/** Pictures (B, 3, H, W) in [-1, 1] as 8-bit ones. */
export function toImages(pictures: Tensor): RgbImage[] {
  const [count = 0, , height = 0, width = 0] = pictures.shape;
  const bytes = torch.tidy(() =>
    pictures
      .float()
      .add(1)
      .mul(127.5)
      .round()
      .clamp({ min: 0, max: 255 })
      .permute([0, 2, 3, 1])
      .to({ dtype: "uint8" })
      .toBytes(),
  );
  const size = height * width * 3;
  return Array.from(
    { length: count },
    (_, i) => new RgbImage(width, height, bytes.slice(i * size, (i + 1) * size)),
  );
}

/** Stage 0: the autoencoder, on absolute plus squared error and a small Kullback-Leibler term (Rombach et al., 2022, arXiv 2112.10752). */
export class AutoencoderTask implements StageTask {
  readonly models: StageTask["models"];
  readonly groups: StageTask["groups"];
  readonly counts: StageTask["counts"];
  readonly #vae: AutoencoderKL;
  readonly #klWeight: number;
  readonly #data: TrainingData;
  readonly #pictures: Readonly<Record<Split, Pictures>>;

  private constructor(
    vae: AutoencoderKL,
    stage: AutoencoderStage,
    data: TrainingData,
    pictures: Record<Split, Pictures>,
  ) {
    this.#vae = vae;
    this.#klWeight = stage.klWeight;
    this.#data = data;
    this.#pictures = pictures;
    this.models = new Map([["vae", vae]]);
    this.groups = [{ parameters: prefixed("vae", vae) }];
    this.counts = { train: data.train.length, heldout: data.heldout.length };
  }

  static async create(
    vae: AutoencoderKL,
    stage: AutoencoderStage,
    data: TrainingData,
  ): Promise<AutoencoderTask> {
    return new AutoencoderTask(vae, stage, data, {
      train: await Pictures.load(data.train, stage.resolution),
      heldout: await Pictures.load(data.heldout, stage.resolution),
    });
  }

  describe(id: number): string {
    return this.#data.train[id]?.file ?? String(id);
  }

  loss({ split, ids, draws }: Batch): StageLoss {
    const pictures = this.#pictures[split].batch(ids); // (B, 3, H, W)
    const distribution = this.#vae.encode(pictures);
    const noise = draws.normal(distribution.mean.shape.slice(1));
    const latents = distribution.mean.add(distribution.logvar.mul(0.5).exp().mul(noise)); // (B, C, h, w)
    const error = this.#vae.decode(latents).float().sub(pictures); // (B, 3, H, W)
    const absolute = error.abs().mean();
    const squared = error.square().mean();
    const kl = distribution.kl().mean();
    return {
      loss: absolute.add(squared).add(kl.mul(this.#klWeight)),
      parts: { absolute, squared, kl },
    };
  }

  async sample(): Promise<SampleSheet> {
    const shown = this.#data.train.slice(0, SHOWN);
    const images = torch.noGrad(() =>
      torch.tidy(() => {
        const pictures = this.#pictures.train.batch(shown.map((_, i) => i));
        return [...toImages(pictures), ...toImages(this.#vae.call(pictures))];
      }),
    );
    const captions = shown.map((e) => e.shortCaption);
    return { images, labels: [...captions, ...captions.map(() => "decoded")] };
  }

  /** The factor that gives latents unit variance, as the paper's autoencoder has its 0.18215. */
  facts(): Readonly<Record<string, number>> {
    const latents = LatentCache.encode(this.#pictures.train, this.#vae);
    const scalingFactor = 1 / latents.spread();
    latents.dispose();
    return { scalingFactor };
  }

  dispose(): void {
    this.#pictures.train.dispose();
    this.#pictures.heldout.dispose();
    this.#vae.dispose();
  }
}
