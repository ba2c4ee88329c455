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

/** Options of a studio. */
export interface StudioOptions {
  /** Folders of run folders, or run folders; they need not exist yet. */
  readonly workDirs: readonly string[];
  /** Additional folders that may contain data. */
  readonly dataRoots: readonly string[];
  /** Whether nothing may be started, stopped or written. */
  readonly isReadOnly: boolean;
  /** How to call this program. */
  readonly program: Program;
  /** Whether runs' checkpoints and the package's models can be used for drawing; they are loaded on demand. */
  readonly offersModels: boolean;
  /** Folder of the built page; by default the package's own. */
  readonly pageFolder?: string;
  /** Folder for thumbnails, and for the output of runs without a folder; by default the system's cache folder. */
  readonly cacheFolder?: string;
}

/** Shared by all routes of the studio. */
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
