import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import type { AutoencoderKL, DiTTransformer2DModel } from "../../models/index.ts";
import { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import {
  type Batch,
  type LoadedBatch,
  type OnProgress,
  prefixed,
  type SampleSheet,
  type Split,
  type StageTask,
} from "../contract/stage-task.ts";
import { untilStopped } from "../contract/stopped.ts";
import type { Example } from "../dataset/training-data.ts";
import type { Latents } from "../features/latents.ts";
import { toImages } from "./autoencoder.ts";
import { Denoising, samplerFor } from "./denoising.ts";

type ClassStage = ResolvedStage<"class-conditional">;

const SHOWN = 16;

/** What {@link ClassConditionalTask} works with. */
export interface ClassConditionalParts {
  readonly dit: DiTTransformer2DModel;
  readonly vae: AutoencoderKL;
  readonly latents: Readonly<Record<Split, Latents>>;
  readonly examples: Readonly<Record<Split, readonly Example[]>>;
  readonly classCount: number;
  readonly sampling: ResolvedConfig["sampling"];
}

/** Stage 1, pixel dependency: a class-conditional DiT learns what pictures look like (PixArt-α, arXiv 2310.00426, section 2.2). */
export class ClassConditionalTask implements StageTask {
  readonly models: StageTask["models"];
  readonly groups: StageTask["groups"];
  readonly counts: StageTask["counts"];
  readonly idle: readonly Tensor[];
  readonly #parts: ClassConditionalParts;
  readonly #stage: ClassStage;
  readonly #denoising: Denoising;

  constructor(stage: ClassStage, parts: ClassConditionalParts) {
    this.#parts = parts;
    this.#stage = stage;
    this.#denoising = new Denoising(stage, NoiseSchedule.linear());
    this.models = new Map([["transformer", parts.dit]]);
    this.groups = [{ parameters: prefixed("transformer", parts.dit) }];
    this.idle = parts.latents.train.isCached ? parts.vae.parameters() : [];
    this.counts = { train: parts.examples.train.length, heldout: parts.examples.heldout.length };
  }

  describe(id: number): string {
    return this.#parts.examples.train[id]?.file ?? String(id);
  }

  async load({ split, ids, draws, isMeasured = false }: Batch): Promise<LoadedBatch> {
    const { dit, latents, examples } = this.#parts;
    const pictures = await latents[split].load(ids, draws);
    const loss = (): ReturnType<LoadedBatch["loss"]> => {
      const original = latents[split].draw(pictures, draws);
      const { device } = original;
      const dropped = draws.uniform().map((u) => !isMeasured && u < this.#stage.classDropout);
      const labels = ids.map((id, i) =>
        dropped[i] ? dit.noClass : (examples[split][id]?.classLabel ?? dit.noClass),
      );
      return this.#denoising.loss(original, draws, (noisy, timesteps) =>
        dit.call(noisy, {
          timestep: torch.tensor([...timesteps], { device }),
          classLabels: torch.tensor(labels, { dtype: "int64", device }),
        }),
      );
    };
    return { loss };
  }

  async sample(signal?: AbortSignal, onProgress?: OnProgress): Promise<SampleSheet> {
    const { dit, vae, latents, examples, classCount, sampling } = this.#parts;
    const count = Math.min(SHOWN, classCount);
    const classes = Array.from({ length: count }, (_, i) => Math.floor((i * classCount) / count));
    const [channels = 0, height = 0, width = 0] = latents.train.shape;
    const thing = (label: number): string =>
      examples.train.find((e) => e.classLabel === label)?.thing ?? `class ${label}`;
    using scheduler = samplerFor(this.#stage.loss);
    scheduler.setTimesteps(sampling.steps);
    const { device } = dit;
    const kept = (body: () => Tensor): Tensor => torch.keep(torch.noGrad(() => torch.tidy(body)));
    const generator = torch.generator(sampling.seed);
    let x = kept(() => torch.randn([count, channels, height, width], { generator }).to({ device }));
    try {
      for (const [i, t] of scheduler.timesteps.entries()) {
        await untilStopped(signal);
        onProgress?.(i, scheduler.timesteps.length);
        const next = kept(() => {
          const classLabels = torch.tensor([...classes.map(() => dit.noClass), ...classes], {
            dtype: "int64",
            device,
          });
          const timestep = torch.full([2 * count], t, { device });
          const output = dit
            .call(torch.cat([x, x]), { timestep, classLabels })
            .narrow(1, 0, channels);
          const [none = output, conditional = output] = output.chunk(2);
          const guided = none.add(conditional.sub(none).mul(sampling.guidanceScale));
          return scheduler.step(guided, t, x).prevSample;
        });
        x.dispose();
        x = next;
      }
      const images = torch.noGrad(() =>
        torch.tidy(() => toImages(vae.decode(vae.fromDiffusion(x)))),
      );
      const labels = classes.map(thing);
      const drawn = images.map((image, i) => ({ image, prompt: labels[i] ?? "", seed: null }));
      return { images, labels, drawn };
    } finally {
      x.dispose();
    }
  }

  async facts(): Promise<Readonly<Record<string, number>>> {
    return { classCount: this.#parts.classCount };
  }

  dispose(): void {
    const { dit, vae, latents } = this.#parts;
    dit.dispose();
    vae.dispose();
    latents.train.dispose();
    latents.heldout.dispose();
  }
}
