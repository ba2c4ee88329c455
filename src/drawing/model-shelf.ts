import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { releaseMemory } from "../torch/index.ts";
import { pipelineBytes } from "./model-bytes.ts";

interface Shelved {
  readonly pipe: PixArtAlphaPipeline;
  readonly bytes: number;
}

/**
 * Loaded models within a memory budget in bytes. If another needs room, the least recently used is unloaded; the last requested
 * one stays, however large it is.
 */
export class ModelShelf {
  readonly #budget: number;
  readonly #load: (name: string) => Promise<PixArtAlphaPipeline>;
  /** Least recently used first. */
  readonly #shelved = new Map<string, Shelved>();
  /** Sizes of models that were loaded once, whether or not they still are. */
  readonly #known = new Map<string, number>();

  constructor(budget: number, load: (name: string) => Promise<PixArtAlphaPipeline>) {
    this.#budget = budget;
    this.#load = load;
  }

  /** Names of the loaded models, least recently used first. */
  get names(): readonly string[] {
    return [...this.#shelved.keys()];
  }

  /** Total bytes of all loaded models. */
  get bytes(): number {
    return [...this.#shelved.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The model of a name, which is loaded if necessary and may displace others. One call at a time. */
  async get(name: string): Promise<PixArtAlphaPipeline> {
    const found = this.#shelved.get(name);
    if (found !== undefined) {
      this.#shelved.delete(name);
      this.#shelved.set(name, found);
      return found.pipe;
    }
    this.#makeRoom(this.#known.get(name) ?? 0);
    const pipe = await this.#load(name);
    const bytes = pipelineBytes(pipe);
    this.#known.set(name, bytes);
    this.#makeRoom(bytes);
    this.#shelved.set(name, { pipe, bytes });
    return pipe;
  }

  /** Bytes of a model that was loaded before. */
  bytesOf(name: string): number {
    return this.#known.get(name) ?? 0;
  }

  #makeRoom(bytes: number): void {
    for (const [name, { pipe }] of this.#shelved) {
      if (this.bytes + bytes <= this.#budget) return;
      this.#shelved.delete(name);
      pipe.dispose();
      releaseMemory();
    }
  }
}
