import type { Logger } from "pino";
import type { ModelFacts } from "./engine/engine-messages.ts";
import type { EngineProcess } from "./engine/engine-process.ts";
import type { ModelLoader } from "./engine/model-catalog.ts";
import { engineUnavailable } from "./http/api-error.ts";
import type { GuardOptions } from "./http/guard.ts";
import type { Keys } from "./http/keys.ts";
import type { Dispatcher } from "./jobs/dispatcher.ts";
import type { Job } from "./jobs/job.ts";
import type { ResultStore } from "./jobs/result-store.ts";
import type { PictureFormat } from "./pictures/encode-picture.ts";
import type { ServerMetrics } from "./server-metrics.ts";

/** A picture that was requested as a URL. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly format: PictureFormat;
}

/** State shared by all routes. */
export interface ServerContext {
  readonly version: string;
  readonly engines: readonly EngineProcess[];
  readonly dispatcher: Dispatcher;
  /**
   * From all engines, in the order of their set-up: what one has learned about a model applies to the others. A model that is
   * still being loaded for the first time is missing.
   */
  readonly models: () => ReadonlyMap<string, ModelFacts>;
  /** Names of the models that are served from the start. Others come from a catalog, and may be gone from it. */
  readonly servedNames: ReadonlySet<string>;
  /** The model of requests that name none; empty if a catalog decides. */
  readonly firstModel: string;
  /** Loads models that are not loaded from the start; undefined if all are. */
  readonly loader: ModelLoader | undefined;
  readonly guard: GuardOptions;
  readonly keys: Keys;
  /** URL of this server for callers, if it differs from the one they request. */
  readonly publicUrl: string | undefined;
  readonly maxPixels: number;
  /** Whether unknown fields only cause warnings. */
  readonly isLenient: boolean;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Jobs in progress. */
  readonly running: Map<string, Job>;
  /** Finished jobs of callers who did not wait. */
  readonly results: ResultStore<Job>;
  readonly files: ResultStore<ServedFile>;
  /** Names of the currently loaded models. */
  readonly loadedModels: () => readonly string[];
  /** Whether the server is shutting down: nothing new is accepted. */
  readonly isDraining: () => boolean;
}

/** Whether no drawing process can be restarted. */
export const hasNoEngine = ({ engines }: Pick<ServerContext, "engines">): boolean =>
  engines.every(({ isLost }) => isLost);

/** Throws an ApiError if no drawing process can be restarted. */
export function requireEngine(server: Pick<ServerContext, "engines">): void {
  if (hasNoEngine(server)) throw engineUnavailable();
}

/** Whether a client may know of a job: without keys, everybody may. */
export const ownsJob = ({ keys }: Pick<ServerContext, "keys">, client: string, job: Job): boolean =>
  !keys.isNeeded || job.client === client;
