import { join, resolve } from "node:path";
import { cacheFolder } from "../files/package/cache-folder.ts";
import type { AppExtension } from "../server/app.ts";
import type { ModelCatalog } from "../server/engine/model-catalog.ts";
import { DataChecks } from "./data/data-checks.ts";
import { DataRoots } from "./data/data-roots.ts";
import { StudioJobs } from "./data/studio-jobs.ts";
import { TrainingPictures } from "./data/training-pictures.ts";
import { DrawModels } from "./draw/draw-models.ts";
import { PAGE_FOLDER, PageFiles } from "./page/page-files.ts";
import { Thumbnails } from "./pictures/thumbnails.ts";
import { addDataRoutes } from "./routes/data.ts";
import { addModelListRoutes } from "./routes/draw.ts";
import { addEventRoutes } from "./routes/events.ts";
import { addPageRoutes } from "./routes/page.ts";
import { addRunControlRoutes } from "./routes/run-control.ts";
import { addRunPictureRoutes } from "./routes/run-pictures.ts";
import { addRunRoutes } from "./routes/runs.ts";
import { addSessionRoutes } from "./routes/session.ts";
import { addStartRoutes } from "./routes/starts.ts";
import { addSystemRoutes } from "./routes/system.ts";
import { Runs } from "./runs/runs.ts";
import { endCommands } from "./start/own-command.ts";
import { StartedRuns } from "./start/started-runs.ts";
import type { StudioContext, StudioOptions } from "./studio-context.ts";
import { Watcher } from "./watch/watcher.ts";

/** The page and its API: runs, their pictures and curves, data sets, and drawing. */
export class Studio implements AppExtension {
  readonly #options: StudioOptions;
  readonly #cache: string;
  readonly #started: StartedRuns;
  readonly #runs: Runs;
  readonly #page: PageFiles;
  readonly #models: DrawModels | undefined;
  #watcher: Watcher | undefined;

  constructor(options: StudioOptions) {
    const workDirs = options.workDirs.map((folder) => resolve(folder));
    this.#options = { ...options, workDirs };
    this.#cache = options.cacheFolder ?? join(cacheFolder(), "studio");
    this.#started = new StartedRuns(options.program, join(this.#cache, "starts"));
    this.#runs = new Runs(
      workDirs,
      (run, event) => this.#watcher?.hear(run, event),
      (line) => this.#started.withStart(line),
    );
    this.#page = new PageFiles(options.pageFolder ?? PAGE_FOLDER);
    this.#models = options.offersModels ? new DrawModels(this.#runs) : undefined;
  }

  /** Models that are loaded on demand. */
  get catalog(): ModelCatalog | undefined {
    return this.#models;
  }

  readonly isPage = (path: string): boolean => this.#page.at(path) !== undefined;

  readonly addRoutes: AppExtension["addRoutes"] = (app, server) => {
    const options = this.#options;
    const roots = new DataRoots([...options.dataRoots, ...options.workDirs]);
    const jobs = new StudioJobs();
    this.#watcher = new Watcher(this.#runs, this.#started, server);
    const studio: StudioContext = {
      options,
      server,
      runs: this.#runs,
      watcher: this.#watcher,
      models: this.#models,
      roots,
      jobs,
      checks: new DataChecks(jobs, roots),
      pictures: new TrainingPictures(roots),
      thumbnails: new Thumbnails(join(this.#cache, "thumbnails")),
      started: this.#started,
    };
    addSessionRoutes(app, studio);
    addRunRoutes(app, studio);
    addRunPictureRoutes(app, studio);
    addRunControlRoutes(app, studio);
    addEventRoutes(app, studio);
    addStartRoutes(app, studio);
    addDataRoutes(app, studio);
    addModelListRoutes(app, studio);
    addSystemRoutes(app, studio);
    addPageRoutes(app, this.#page);
    this.#watcher.start();
  };

  /** Ends all streams and the commands that must not outlive the server. */
  stop(): void {
    this.#watcher?.stop();
    endCommands();
  }
}
