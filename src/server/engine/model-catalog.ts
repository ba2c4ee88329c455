import { ApiError } from "../http/api-error.ts";
import { isAnyModel } from "../requests/model-of.ts";
import type { ModelFacts, NamedPlace } from "./engine-messages.ts";
import type { EngineProcess } from "./engine-process.ts";

/** Models that can be used in addition to those loaded from the start. */
export interface ModelCatalog {
  names(): Promise<readonly string[]>;
  /** Finds a model by its name or, without one, the default model. Undefined if there is no such model. */
  find(name: string | undefined): Promise<NamedPlace | undefined>;
}

/** Loads models of a catalog on demand. */
export class ModelLoader {
  readonly #catalog: ModelCatalog;
  readonly #engines: readonly EngineProcess[];
  /** Names of the models that it has loaded. */
  readonly #loaded = new Set<string>();

  constructor(catalog: ModelCatalog, engines: readonly EngineProcess[]) {
    this.#catalog = catalog;
    this.#engines = engines;
  }

  names(): Promise<readonly string[]> {
    return this.#catalog.names();
  }

  /**
   * Loads a model in the engines, unless it is known; does nothing if the catalog does not have it. Throws an ApiError if it can't
   * be loaded, and for one that the catalog no longer has.
   * @param known models that were loaded before
   * @returns the name that the catalog gives it
   */
  async prepare(
    name: string | null | undefined,
    known: ReadonlyMap<string, ModelFacts>,
  ): Promise<string | undefined> {
    const model = await this.#catalog.find(isAnyModel(name) ? undefined : (name ?? undefined));
    if (model === undefined && this.#loaded.has(name ?? ""))
      throw new ApiError(
        404,
        "model_not_found",
        `Expected a model that still exists for model but received ${JSON.stringify(name)}`,
        { param: "model" },
      );
    if (model === undefined || known.has(model.name)) return model?.name;
    try {
      await Promise.all(this.#engines.map((engine) => engine.load(model)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ApiError(
        500,
        "model_unloadable",
        `The model ${model.name} could not be loaded: ${withoutPlace(reason, model.place)}`,
        { param: "model", shouldRetry: false },
      );
    }
    this.#loaded.add(model.name);
    return model.name;
  }
}

/** Answers must not reveal local paths. */
const withoutPlace = (message: string, place: string): string =>
  message.replaceAll(place, "it").replace(/(^|[\s"'(])\/[^\s"'():,]+/g, "$1…");
