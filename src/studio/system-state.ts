import { statfs } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import type { Job } from "../server/jobs/job.ts";
import { ownsJob } from "../server/server-context.ts";
import type { SystemState } from "./api-types.ts";
import { runCommand } from "./start/own-command.ts";
import type { StudioContext } from "./studio-context.ts";

/** Age after which a new report is requested. */
const REPORT_MS = 10 * 60_000;
const LONGEST_PROMPT = 300;

/** Response of `GET /api/system`: this machine and what is being drawn on it. */
export class SystemReport {
  readonly #studio: StudioContext;
  #doctor: string | null = null;
  #asked = Number.NEGATIVE_INFINITY;

  constructor(studio: StudioContext) {
    this.#studio = studio;
  }

  /** @param client whose jobs it shows; of others' only their number */
  async state(client: string): Promise<SystemState> {
    this.#askDoctor();
    const { server, runs, models } = this.#studio;
    const loaded = new Set(server.loadedModels());
    const known = server.models();
    const offered = (await models?.list(known)) ?? [];
    const jobs = [...server.running.values()];
    const own = jobs.filter((job) => ownsJob(server, client, job));
    const labels = new Map(offered.map(({ id, label }) => [id, label]));
    // Those of runs that are gone are unloaded when others need the memory.
    const kept = [...known.keys()].filter((id) => labels.has(id));
    return {
      version: server.version,
      node: process.versions.node,
      processor: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      memory: {
        // A container's limit, if there is one.
        total: Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
        free: process.availableMemory(),
        server: process.memoryUsage.rss(),
      },
      disk: await disksOf(runs.roots),
      models: [...new Set([...server.servedNames, ...kept, ...labels.keys()])].map((id) => ({
        id,
        name: labels.get(id) ?? id,
        isLoaded: loaded.has(id),
        bytes: known.get(id)?.bytes ?? null,
      })),
      queue: own.map(queued),
      otherJobs: jobs.length - own.length,
      doctor: this.#doctor,
    };
  }

  /** It takes seconds and loads the engine, so nobody waits for it: the next request gets the result. */
  #askDoctor(): void {
    const isKnown = performance.now() - this.#asked < REPORT_MS;
    if (isKnown || this.#studio.server.isDraining()) return;
    this.#asked = performance.now();
    runCommand(this.#studio.options.program, ["doctor"]).then(
      ({ stdout }) => {
        this.#doctor = stdout.trim();
      },
      () => {},
    );
  }
}

const queued = ({ id, request, status, step }: Job): SystemState["queue"][number] => ({
  id,
  prompt: request.prompt.slice(0, LONGEST_PROMPT),
  state: status,
  step: step?.step ?? 0,
  steps: step?.total ?? request.settings.steps,
});

async function disksOf(folders: readonly string[]): Promise<SystemState["disk"]> {
  const disks = await Promise.all(
    folders.map(async (path) => {
      const found = await statfs(path).catch(() => undefined);
      if (found === undefined) return [];
      return [{ path, free: found.bavail * found.bsize, total: found.blocks * found.bsize }];
    }),
  );
  return disks.flat();
}
