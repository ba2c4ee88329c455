import type { Logger } from "pino";
import type { ModelFacts } from "./engine/engine-messages.ts";
import type { EngineProcess } from "./engine/engine-process.ts";
import type { ModelLoader } from "./engine/model-catalog.ts";
import type { GuardOptions } from "./http/guard.ts";
import type { Keys } from "./http/keys.ts";
import type { Dispatcher } from "./jobs/dispatcher.ts";
import type { Job } from "./jobs/job.ts";
import type { ResultStore } from "./jobs/result-store.ts";
import type { PictureFormat } from "./pictures/encode-picture.ts";
import type { ServerMetrics } from "./server-metrics.ts";

/** A file that was asked for as an address. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly format: PictureFormat;
}

/** What all routes share. */
export interface ServerContext {
  readonly version: string;
  readonly engines: readonly EngineProcess[];
  readonly dispatcher: Dispatcher;
  /** Of all engines: what one has learnt of a model holds for the others. */
  readonly models: () => ReadonlyMap<string, ModelFacts>;
  /** The model of requests that name none; empty where a catalog says it. */
  readonly firstModel: string;
  /** Loads what is not loaded from the start; undefined where all is. */
  readonly loader: ModelLoader | undefined;
  readonly guard: GuardOptions;
  readonly keys: Keys;
  /** Under which callers reach this server, where that is not what they ask it by. */
  readonly publicUrl: string | undefined;
  readonly maxPixels: number;
  /** Whether unknown fields are warnings. */
  readonly isLenient: boolean;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Jobs that are on their way. */
  readonly running: Map<string, Job>;
  /** Jobs that are over, of callers who did not wait. */
  readonly results: ResultStore<Job>;
  readonly files: ResultStore<ServedFile>;
  /** Names of the models that are loaded now. */
  readonly loadedModels: () => readonly string[];
  /** Set once the server is to end: nothing new is taken. */
  readonly isDraining: () => boolean;
}
