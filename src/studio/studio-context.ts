import type { ServerContext } from "../server/server-context.ts";
import type { DataChecks } from "./data/data-checks.ts";
import type { DataRoots } from "./data/data-roots.ts";
import type { StudioJobs } from "./data/studio-jobs.ts";
import type { TrainingPictures } from "./data/training-pictures.ts";
import type { DrawModels } from "./draw/draw-models.ts";
import type { Thumbnails } from "./pictures/thumbnails.ts";
import type { Runs } from "./runs/runs.ts";
import type { Program } from "./start/own-command.ts";
import type { StartedRuns } from "./start/started-runs.ts";
import type { Watcher } from "./watch/watcher.ts";

/** How a studio is made. */
export interface StudioOptions {
  /** Folders of run folders, or run folders, which need not be there yet. */
  readonly workDirs: readonly string[];
  /** Folders that data may lie in, beside those. */
  readonly dataRoots: readonly string[];
  /** Whether nothing is started, stopped or written. */
  readonly isReadOnly: boolean;
  /** How this program is called. */
  readonly program: Program;
  /** Whether runs' checkpoints and the package's models can be drawn with: those load when they are asked for. */
  readonly offersModels: boolean;
  /** Of the built page; the package's own unless given. */
  readonly pageFolder?: string;
  /** Where thumbnails are kept, and what runs say before they have a folder; the system's place for such things unless given. */
  readonly cacheFolder?: string;
}

/** What all routes of the studio share. */
export interface StudioContext {
  readonly options: StudioOptions;
  readonly server: ServerContext;
  readonly runs: Runs;
  readonly watcher: Watcher;
  readonly models: DrawModels | undefined;
  readonly roots: DataRoots;
  readonly jobs: StudioJobs;
  readonly checks: DataChecks;
  readonly pictures: TrainingPictures;
  readonly thumbnails: Thumbnails;
  readonly started: StartedRuns;
}
