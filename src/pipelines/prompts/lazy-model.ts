import type { Module } from "../../nn/index.ts";
import { releaseMemory } from "../../torch/index.ts";

/** A model that is loaded for one use and freed after it: what does not fit into memory beside the others. */
export class LazyModel<M extends Module> {
  readonly #load: () => Promise<M>;
  readonly #changes: ((model: M) => Promise<unknown>)[] = [];

  constructor(load: () => Promise<M>) {
    this.#load = load;
  }

  /** How often {@link change} was called: what came of the model before is out of date. */
  get changes(): number {
    return this.#changes.length;
  }

  /** Has something done to the model each time that it is loaded from now on, as an adapter put on it. */
  change(change: (model: M) => Promise<unknown>): void {
    this.#changes.push(change);
  }

  /** Runs a synchronous `body` on the model, which lives no longer than that. */
  async use<T>(body: (model: M) => T): Promise<T> {
    const model = await this.load();
    try {
      return body(model);
    } finally {
      model.dispose();
      releaseMemory(); // a text encoder's gigabytes are not asked for again soon
    }
  }

  /** A model of its own for the caller, who disposes it. */
  async load(): Promise<M> {
    const model = await this.#load();
    try {
      for (const change of this.#changes) await change(model);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }
}
