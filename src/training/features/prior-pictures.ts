import { SampleOrder, SampleRng } from "../contract/sample-rng.ts";
import type { Latents, LoadedPicture } from "./latents.ts";

/** The class pictures of a batch and their random numbers. */
export interface LoadedPrior {
  readonly pictures: readonly LoadedPicture[];
  readonly captions: readonly string[];
  readonly draws: SampleRng;
}

/**
 * DreamBooth's prior preservation (Ruiz et al. 2023, section 3.2): next to each picture of the subject, one of its class. The
 * choice depends only on seed and position; all class pictures are used before any repeats.
 */
export class PriorPictures {
  readonly latents: Latents;
  /** Weight of a class picture's loss. */
  readonly weight: number;
  readonly #seed: number;
  readonly #purpose: string;
  readonly #order: SampleOrder;

  constructor(
    latents: Latents,
    { seed, stage, weight }: { seed: number; stage: string; weight: number },
  ) {
    this.latents = latents;
    this.weight = weight;
    this.#seed = seed;
    this.#purpose = `${stage}/class`;
    this.#order = new SampleOrder(seed, `${this.#purpose}/order`, latents.examples.length);
  }

  /** One class picture for each position of a batch. */
  async load(positions: readonly number[]): Promise<LoadedPrior> {
    const draws = new SampleRng(this.#seed, this.#purpose, positions);
    const ids = positions.map((position) => this.#order.at(position));
    const captions = ids.map((id) => this.latents.examples[id]?.shortCaption ?? "");
    return { pictures: await this.latents.load(ids, draws), captions, draws };
  }
}
