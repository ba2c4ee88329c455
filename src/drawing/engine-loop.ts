import { freemem } from "node:os";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import type {
  DrawOrder,
  EngineSetup,
  FromEngine,
  ModelFacts,
  ToEngine,
} from "../server/engine-messages.ts";
import { memory, tidy } from "../torch/index.ts";
import { addNamedAdapters } from "./adapters.ts";
import { draw } from "./draw.ts";
import { engineFailure } from "./engine-failure.ts";
import { factsOf } from "./model-facts.ts";
import { ModelShelf } from "./model-shelf.ts";
import { type PreviewMaker, previewMaker } from "./preview-maker.ts";
import { choosePreview, profileModel } from "./profile-model.ts";

/** Share of the free memory that models may take where nobody says. */
const DEFAULT_SHARE = 0.6;

/** What the loop is given by the process that it runs in. */
export interface EngineLoopOptions {
  readonly load: (place: string, setup: EngineSetup) => Promise<PixArtAlphaPipeline>;
  readonly tell: (message: FromEngine) => void;
}

/** Draws for a server: one order at a time, hearing messages between the steps. */
export class EngineLoop {
  readonly #options: EngineLoopOptions;
  readonly #running = new Map<number, AbortController>();
  readonly #previews = new Map<string, PreviewMaker | undefined>();
  #shelf: ModelShelf | undefined;
  /** Orders follow each other, and the set-up. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: EngineLoopOptions) {
    this.#options = options;
  }

  /** Takes a message; what it asks for happens after what was asked before, but for an abort. */
  hear(message: ToEngine): void {
    switch (message.type) {
      case "setup":
        this.#next(() => this.#setUp(message.setup));
        break;
      case "draw":
        this.#running.set(message.order.id, new AbortController());
        this.#next(() => this.#draw(message.order));
        break;
      case "abort":
        this.#running.get(message.order)?.abort();
        break;
    }
  }

  #next(work: () => Promise<void>): void {
    this.#work = this.#work.then(work);
  }

  async #setUp(setup: EngineSetup): Promise<void> {
    const { tell } = this.#options;
    const { memoryBytes = Math.floor(DEFAULT_SHARE * freemem()) } = setup;
    const placeOf = (name: string): string =>
      setup.models.find((model) => model.name === name)?.place ?? name;
    const [first] = setup.models;
    const shelf = new ModelShelf(memoryBytes, async (name) => {
      const pipe = await this.#options.load(placeOf(name), setup);
      const adapters = name === first?.name ? setup.adapters : [];
      await addNamedAdapters(pipe, adapters, () => {});
      return pipe;
    });
    this.#shelf = shelf;
    try {
      // The first is loaded last, so that it is there when requests come.
      for (const { name } of [...setup.models].reverse()) {
        const pipe = await shelf.get(name);
        const facts = await this.#learn(name, pipe, setup, shelf.bytesOf(name));
        tell({ type: "loaded", facts });
      }
      tell({ type: "ready" });
    } catch (error) {
      tell({ type: "refused", message: error instanceof Error ? error.message : String(error) });
    }
  }

  async #learn(
    name: string,
    pipe: PixArtAlphaPipeline,
    setup: EngineSetup,
    bytes: number,
  ): Promise<ModelFacts> {
    const isFirst = name === setup.models[0]?.name;
    const facts = await factsOf(name, pipe, isFirst ? setup.adapters : []);
    const profile = await profileModel(pipe, facts.nativeSide, setup.batch);
    const chosen = choosePreview(profile, setup.taesd !== undefined);
    const preview = setup.preview === "auto" ? chosen : setup.preview;
    this.#previews.set(name, await previewMaker(preview, pipe, setup.taesd));
    const { batch, stepSeconds } = profile;
    return { ...facts, bytes, batch, stepSeconds, preview };
  }

  async #draw(order: DrawOrder): Promise<void> {
    const { tell } = this.#options;
    const signal = this.#running.get(order.id)?.signal;
    const start = performance.now();
    try {
      signal?.throwIfAborted();
      const pipe = await this.#shelf?.get(order.model);
      if (pipe === undefined) throw new Error("Expected a set-up before an order");
      const pictures = await draw(pipe, order, {
        ...(signal !== undefined && { signal }),
        onStep: ({ step, total, original }) => {
          const rows = [...order.pictures.keys()].filter((row) =>
            order.pictures[row]?.previewSteps.includes(step),
          );
          const make = rows.length > 0 ? this.#previews.get(order.model) : undefined;
          const images = make === undefined ? [] : tidy(() => make(pipe, original, rows));
          const previews = images.flatMap((image, i) => {
            const picture = rows[i];
            return picture === undefined ? [] : [{ picture, image }];
          });
          tell({ type: "step", order: order.id, step, total, previews });
        },
      });
      const seconds = (performance.now() - start) / 1000;
      tell({ type: "drawn", order: order.id, pictures, seconds });
    } catch (error) {
      tell({ type: "failed", order: order.id, failure: engineFailure(error) });
    } finally {
      this.#running.delete(order.id);
    }
    const { tensors, rss } = memory();
    tell({ type: "memory", tensors, bytes: rss });
  }
}
