import { expected, InternalError, UnsupportedError } from "../errors/index.ts";
import { AutoencoderTiny } from "../models/index.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import type {
  DrawOrder,
  EngineSetup,
  FromEngine,
  ModelFacts,
  NamedPlace,
  PreviewWay,
  ToEngine,
} from "../server/engine/engine-messages.ts";
import { memory, tidy } from "../torch/index.ts";
import { availableMemory } from "../training/models/available-memory.ts";
import { addNamedAdapters } from "./adapters.ts";
import { draw } from "./draw.ts";
import { engineFailure } from "./engine-failure.ts";
import { factsOf } from "./model-facts.ts";
import { ModelShelf } from "./model-shelf.ts";
import { type PreviewMaker, previewMaker } from "./preview-maker.ts";
import { choosePreview, type ModelProfile, profileModel } from "./profile-model.ts";

/** Default share of the available memory that models may take. */
const DEFAULT_SHARE = 0.6;

/** Least time between reports of steps without previews: a small model's steps take less than a report does. */
const REPORT_MS = 50;

/** What the process provides to the loop. */
export interface EngineLoopOptions {
  readonly load: (place: string, setup: EngineSetup) => Promise<PixArtAlphaPipeline>;
  readonly tell: (message: FromEngine) => void;
  /** Called for what is odd about models and adapters but no error. */
  readonly warn: (message: string) => void;
}

/** Adapters belong to the first model. */
const adaptersOf = (name: string, { models, adapters }: EngineSetup): readonly NamedPlace[] =>
  name === models[0]?.name ? adapters : [];

/** Draws for a server: one order at a time, receiving messages between the steps. */
export class EngineLoop {
  readonly #options: EngineLoopOptions;
  readonly #running = new Map<number, AbortController>();
  readonly #previews = new Map<string, PreviewMaker>();
  readonly #taesds = new Map<string, AutoencoderTiny>();
  readonly #facts = new Map<string, ModelFacts>();
  readonly #places = new Map<string, string>();
  #setup: EngineSetup | undefined;
  #shelf: ModelShelf | undefined;
  /** Orders run one after another, after the set-up. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: EngineLoopOptions) {
    this.#options = options;
  }

  /** Handles a message: everything runs in order, except an abort. */
  hear(message: ToEngine): void {
    switch (message.type) {
      case "setup":
        this.#next(() => this.#setUp(message.setup));
        break;
      case "load":
        this.#next(() => this.#load(message.model));
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
    const { memoryBytes = Math.floor(DEFAULT_SHARE * availableMemory()), known = [] } = setup;
    for (const { name, place } of setup.models) this.#places.set(name, place);
    const shelf = new ModelShelf(memoryBytes, async (name) => {
      const pipe = await this.#options.load(this.#places.get(name) ?? name, setup);
      await addNamedAdapters(pipe, adaptersOf(name, setup), this.#options.warn);
      return pipe;
    });
    this.#setup = setup;
    this.#shelf = shelf;
    for (const facts of known) this.#facts.set(facts.name, facts);
    try {
      if (setup.isLazy !== true) {
        // The first is loaded last, so that it is in memory when requests arrive.
        for (const { name } of [...setup.models].reverse()) await this.#know(name, setup, shelf);
        await shelf.get(setup.models[0]?.name ?? "");
      }
      tell({ type: "ready" });
    } catch (error) {
      tell({ type: "refused", message: messageOf(error) });
    }
  }

  /** Loads another model, and reports its facts or that it could not be loaded. */
  async #load({ name, place }: NamedPlace): Promise<void> {
    this.#places.set(name, place);
    try {
      if (this.#setup === undefined || this.#shelf === undefined)
        throw new InternalError("Expected a set-up before a model");
      await this.#know(name, this.#setup, this.#shelf);
    } catch (error) {
      this.#options.tell({ type: "unloadable", name, message: messageOf(error) });
    }
    this.#tellMemory();
  }

  async #know(name: string, setup: EngineSetup, shelf: ModelShelf): Promise<void> {
    const facts = this.#facts.get(name) ?? (await this.#learn(name, setup, shelf));
    this.#facts.set(name, facts);
    this.#options.tell({ type: "loaded", facts });
  }

  #tellMemory(): void {
    const { tensors, rss } = memory();
    const models = this.#shelf?.names ?? [];
    this.#options.tell({ type: "memory", tensors, bytes: rss, models });
  }

  async #learn(name: string, setup: EngineSetup, shelf: ModelShelf): Promise<ModelFacts> {
    const pipe = await shelf.get(name);
    const facts = await factsOf(name, pipe, adaptersOf(name, setup));
    const profile = await profileModel(pipe, facts.nativeSide, setup.batch);
    const preview = await this.#previewOf(name, pipe, profile, setup);
    const { batch, stepSeconds } = profile;
    return { ...facts, bytes: shelf.bytesOf(name), batch, stepSeconds, preview };
  }

  /** How a model's previews are made. Those that nobody asked for may turn out to be impossible. */
  async #previewOf(
    name: string,
    pipe: PixArtAlphaPipeline,
    profile: ModelProfile,
    { preview, taesd }: EngineSetup,
  ): Promise<PreviewWay> {
    const way = preview === "auto" ? choosePreview(profile, taesd !== undefined) : preview;
    try {
      await this.#makerOf(name, way, pipe);
      return way;
    } catch (error) {
      if (preview !== "auto" || !(error instanceof UnsupportedError)) throw error;
      this.#options.warn(`No previews of ${name}: ${error.message}`);
      return "off";
    }
  }

  /** The preview maker of a model, created on first use. */
  async #makerOf(
    name: string,
    way: PreviewWay,
    pipe: PixArtAlphaPipeline,
  ): Promise<PreviewMaker | undefined> {
    const made =
      this.#previews.get(name) ?? (await previewMaker(way, pipe, () => this.#taesdFor(pipe)));
    if (made !== undefined) this.#previews.set(name, made);
    return made;
  }

  /** The TAESD, one for all models on a device and of a dtype. */
  async #taesdFor({
    transformer: { device, dtype },
  }: PixArtAlphaPipeline): Promise<AutoencoderTiny> {
    const place = this.#setup?.taesd;
    if (place === undefined) throw expected("the place of a TAESD", "--taesd", "nothing");
    const key = `${device} ${dtype}`;
    const tiny =
      this.#taesds.get(key) ?? (await AutoencoderTiny.fromPretrained(place, { device, dtype }));
    this.#taesds.set(key, tiny);
    return tiny;
  }

  async #draw(order: DrawOrder): Promise<void> {
    const { tell } = this.#options;
    const signal = this.#running.get(order.id)?.signal;
    const start = performance.now();
    try {
      signal?.throwIfAborted();
      const pipe = await this.#shelf?.get(order.model);
      const way = this.#facts.get(order.model)?.preview;
      if (pipe === undefined || way === undefined)
        throw new InternalError("Expected a set-up before an order");
      const isPreviewed = order.pictures.some(({ previewSteps }) => previewSteps.length > 0);
      const make = isPreviewed ? await this.#makerOf(order.model, way, pipe) : undefined;
      let reported = -Infinity;
      const pictures = await draw(pipe, order, {
        ...(signal !== undefined && { signal }),
        onStep: ({ step, total, original }) => {
          const rows = [...order.pictures.keys()].filter((row) =>
            order.pictures[row]?.previewSteps.includes(step),
          );
          const images =
            make === undefined || rows.length === 0 ? [] : tidy(() => make(pipe, original, rows));
          const previews = images.flatMap((image, i) => {
            const picture = rows[i];
            return picture === undefined ? [] : [{ picture, image }];
          });
          const now = performance.now();
          if (previews.length === 0 && step < total && now - reported < REPORT_MS) return;
          reported = now;
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
    this.#tellMemory();
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
