import type { Module } from "../nn/index.ts";

/** A model that is loaded for one use and freed after it: what does not fit into memory beside the others. */
export class StagedModel<M extends Module> {
  readonly #load: () => Promise<M>;

  constructor(load: () => Promise<M>) {
    this.#load = load;
  }

  /** Runs a synchronous `body` on the model, which lives no longer than that. */
  async use<T>(body: (model: M) => T): Promise<T> {
    const model = await this.#load();
    try {
      return body(model);
    } finally {
      model.dispose();
    }
  }

  /** A model of its own for the caller, who disposes it. */
  load(): Promise<M> {
    return this.#load();
  }
}
