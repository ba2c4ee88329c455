import type { AppliedAdapter } from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import { releaseMemory } from "../../torch/index.ts";

/** A model that is loaded for each use and freed after it, because it does not fit into memory next to the others. */
export class LazyModel<M extends Module> {
  readonly #load: () => Promise<M>;
  readonly #changes: ((model: M) => Promise<unknown>)[] = [];
  readonly #adapters: AppliedAdapter[] = [];

  constructor(load: () => Promise<M>) {
    this.#load = load;
  }

  /** How often {@link change} was called. Results from before a change are out of date. */
  get changes(): number {
    return this.#changes.length;
  }

  /** The adapters that changes add. */
  get adapters(): readonly AppliedAdapter[] {
    return this.#adapters;
  }

  /** Registers a change that is applied every time the model is loaded from now on, and the adapter that it adds, if it does. */
  change(change: (model: M) => Promise<unknown>, adapter?: AppliedAdapter): void {
    this.#changes.push(change);
    if (adapter !== undefined) this.#adapters.push(adapter);
  }

  /** Loads the model, runs a synchronous `body` on it and frees it. */
  async use<T>(body: (model: M) => T): Promise<T> {
    const model = await this.load();
    try {
      return body(model);
    } finally {
      model.dispose();
      releaseMemory(); // the next use of a text encoder's gigabytes is far off
    }
  }

  /** Loads a model for the caller, who disposes it. It has the changes registered before the call. */
  async load(): Promise<M> {
    const changes = [...this.#changes];
    const model = await this.#load();
    try {
      for (const change of changes) await change(model);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }
}
