import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResolvedStage } from "../../config/index.ts";
import { RgbImage } from "../../images/index.ts";
import type { AutoencoderKL } from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import {
  type Batch,
  type LoadedBatch,
  prefixed,
  type SampleSheet,
  type Split,
  type StageLoss,
  type StageTask,
} from "../contract/stage-task.ts";
import {
  type Example,
  Pictures,
  type PicturesTold,
  type TrainingData,
} from "../dataset/training-data.ts";

type AutoencoderStage = ResolvedStage<"autoencoder">;

const SHOWN = 8;
const ENCODED_AT_ONCE = 32;

/** Converts pictures (B, 3, H, W) in [-1, 1] to 8-bit images. */
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

/** Standard deviation of sampled latents, over all pictures and elements. */
async function latentSpread(pictures: Pictures, vae: AutoencoderKL): Promise<number> {
  let [count, sum, squares, variances] = [0, 0, 0, 0];
  for (let from = 0; from < pictures.length; from += ENCODED_AT_ONCE) {
    await nextTurn(); // encoding is synchronous and would block signals
    const size = Math.min(ENCODED_AT_ONCE, pictures.length - from);
    const ids = Array.from({ length: size }, (_, i) => from + i);
    torch.noGrad(() =>
      torch.tidy(() => {
        const { mean, logvar } = vae.encode(pictures.batch(ids).to({ device: vae.device }));
        const means = mean.to({ dtype: "float64" }); // sums of float32 would lose digits
        count += means.numel;
        sum += means.sum().item();
        squares += means.square().sum().item();
        variances += logvar.to({ dtype: "float64" }).exp().sum().item();
      }),
    );
  }
  return Math.sqrt((squares + variances) / count - (sum / count) ** 2);
}

/**
 * Stage 0: the autoencoder, trained on absolute plus squared error and a small Kullback-Leibler term (Rombach et al., 2022, arXiv
 * 2112.10752).
 */
export class AutoencoderTask implements StageTask {
  readonly models: StageTask["models"];
  readonly groups: StageTask["groups"];
  readonly counts: StageTask["counts"];
  readonly #vae: AutoencoderKL;
  readonly #klWeight: number;
  readonly #pictures: Readonly<Record<Split, Pictures>>;

  private constructor(
    vae: AutoencoderKL,
    stage: AutoencoderStage,
    pictures: Record<Split, Pictures>,
  ) {
    this.#vae = vae;
    this.#klWeight = stage.klWeight;
    this.#pictures = pictures;
    this.models = new Map([["vae", vae]]);
    this.groups = [{ parameters: prefixed("vae", vae) }];
    this.counts = { train: pictures.train.length, heldout: pictures.heldout.length };
  }

  static async create(
    vae: AutoencoderKL,
    stage: AutoencoderStage,
    { train, heldout }: Pick<TrainingData, Split>,
    told: PicturesTold,
  ): Promise<AutoencoderTask> {
    return new AutoencoderTask(vae, stage, {
      train: await Pictures.load(train, stage.resolution, told),
      heldout: await Pictures.load(heldout, stage.resolution, told),
    });
  }

  /** The pictures of a split that could be read. */
  examples(split: Split): readonly Example[] {
    return this.#pictures[split].examples;
  }

  describe(id: number): string {
    return this.#pictures.train.examples[id]?.file ?? String(id);
  }

  async load(batch: Batch): Promise<LoadedBatch> {
    return { loss: () => this.#loss(batch) };
  }

  #batch(split: Split, ids: readonly number[]): Tensor {
    return this.#pictures[split].batch(ids).to({ device: this.#vae.device });
  }

  #loss({ split, ids, draws }: Batch): StageLoss {
    const pictures = this.#batch(split, ids); // (B, 3, H, W)
    const distribution = this.#vae.encode(pictures);
    const noise = draws.normal(distribution.mean.shape.slice(1), pictures.device);
    const latents = distribution.mean.add(distribution.logvar.mul(0.5).exp().mul(noise)); // (B, C, h, w)
    const error = this.#vae.decode(latents).float().sub(pictures); // (B, 3, H, W)
    const absolute = error.abs().flatten(1).mean([1]); // (B), as the others
    const squared = error.square().flatten(1).mean([1]);
    const kl = distribution.kl();
    const losses = absolute.add(squared).add(kl.mul(this.#klWeight));
    return {
      loss: losses.mean(),
      parts: { absolute: absolute.mean(), squared: squared.mean(), kl: kl.mean() },
      samples: { values: losses.detach(), timesteps: undefined },
    };
  }

  async sample(): Promise<SampleSheet> {
    const shown = this.#pictures.train.examples.slice(0, SHOWN);
    const { given, decoded } = torch.noGrad(() =>
      torch.tidy(() => {
        const pictures = this.#batch(
          "train",
          shown.map((_, i) => i),
        );
        return { given: toImages(pictures), decoded: toImages(this.#vae.call(pictures)) };
      }),
    );
    const captions = shown.map((e) => e.shortCaption);
    return {
      images: [...given, ...decoded],
      labels: [...captions, ...captions.map(() => "decoded")],
      drawn: decoded.map((image, i) => ({ image, prompt: captions[i] ?? "", seed: null })),
    };
  }

  /** The factor that scales latents to unit variance, like the 0.18215 of the paper's autoencoder. */
  async facts(): Promise<Readonly<Record<string, number>>> {
    return { scalingFactor: 1 / (await latentSpread(this.#pictures.train, this.#vae)) };
  }

  dispose(): void {
    this.#pictures.train.dispose();
    this.#pictures.heldout.dispose();
    this.#vae.dispose();
  }
}
