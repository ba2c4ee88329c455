import { join } from "node:path";
import type { App, AppContext } from "../../server/app-types.ts";
import { LOG_FILE } from "../../training/run-folder/run-log.ts";
import type { Comparison, LogPart, RunLine, Series } from "../api-types.ts";
import { runReport } from "../report/run-report.ts";
import { compareRuns } from "../runs/compare-runs.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { bothLogs, logPart } from "../runs/log-part.ts";
import { readingRun, readRun, unreadableRun } from "../runs/read-run.ts";
import { runDetails } from "../runs/run-details.ts";
import { sampleSets } from "../runs/samples.ts";
import { seriesOf } from "../runs/series.ts";
import { startedDetails } from "../start/started-runs.ts";
import type { StudioContext } from "../studio-context.ts";
import { mayChange, numberOf } from "./requests.ts";

const MOST_POINTS = 5000;
const USUAL_POINTS = 1000;
const MOST_KEYS = 64;
const USUAL_WORST = 24;
const MOST_WORST = 200;

/** Adds the routes that read runs. */
export function addRunRoutes(app: App, studio: StudioContext): void {
  const { runs, started, pictures } = studio;
  const runOf = (c: AppContext): Promise<LiveRun> => runs.find(c.req.param("id") ?? "");

  app.get("/api/runs", async (c) => {
    if (runs.all.length === 0) await runs.scan();
    const lines = await runs.lines();
    const begun = await started.lines(new Set(lines.map(({ id }) => id)));
    const all: RunLine[] = [...begun, ...lines];
    return c.json({ runs: all, roots: runs.roots });
  });

  app.get("/api/runs/:id", async (c) => {
    const begun = started.find(c.req.param("id"));
    if (begun !== undefined && !(await runs.has(begun.place.id)))
      return c.json(await startedDetails(begun));
    const run = await runOf(c);
    const line = await runs.line(run);
    requireReadable(line);
    return c.json(await runDetails(run, line, mayChange(c, studio)));
  });

  app.get("/api/runs/:id/series", async (c) => {
    const run = await runOf(c);
    const { config, tail } = await readRun(run);
    const query = c.req.query();
    const stage = await stageOf(studio, run, query.stage);
    return c.json<Series>(
      await seriesOf(config, tail, {
        stage,
        keys: (query.keys ?? "loss,heldout").split(",").slice(0, MOST_KEYS),
        from: optionalNumber(query.from),
        to: optionalNumber(query.to),
        points: numberOf(query.points, USUAL_POINTS, 1, MOST_POINTS),
      }),
    );
  });

  app.get("/api/runs/:id/samples", async (c) => {
    const run = await runOf(c);
    const { tail } = await readRun(run);
    const stage = await stageOf(studio, run, c.req.query("stage"));
    return c.json({ samples: sampleSets(run.place.id, tail, stage) });
  });

  app.get("/api/runs/:id/worst", async (c) => {
    const run = await runOf(c);
    const { stage = "", count } = c.req.query();
    const most = numberOf(count, USUAL_WORST, 1, MOST_WORST);
    return c.json(await pictures.worst(run, stage === "" ? undefined : stage, most));
  });

  app.get("/api/runs/:id/report", async (c) => {
    const run = await runOf(c);
    const { place } = run;
    requireReadable(await runs.line(run));
    const name = encodeURIComponent(`${place.name}.html`);
    return c.html(await runReport(place.path), 200, {
      // For download, not display: someone else's run may have written it.
      "content-disposition": `attachment; filename*=UTF-8''${name}`,
    });
  });

  app.get("/api/runs/:id/log", async (c) => {
    const id = c.req.param("id");
    const next = numberOf(c.req.query("after"), 0, 0, Number.MAX_SAFE_INTEGER);
    const place = { next, source: c.req.query("source") ?? "" };
    const before = started.find(id);
    if (before === undefined || (await runs.has(id))) {
      const run = await runOf(c);
      const file = join(run.place.path, LOG_FILE);
      const unwritten = started.unwrittenLog(await runs.line(run));
      if (unwritten !== undefined)
        return c.json<LogPart>(
          await readingRun(run.place, () => bothLogs([file, unwritten], place)),
        );
      const own = await readingRun(run.place, () => logPart(file, place));
      if (before === undefined || own.next > 0) return c.json<LogPart>(own);
    }
    return c.json<LogPart>(await logPart(before.log, place)); // from before it had a folder
  });

  app.get("/api/compare", async (c) => {
    const { a = "", b = "" } = c.req.query();
    const pair = [await runs.find(a), await runs.find(b)] as const;
    const read = [await readRun(pair[0]), await readRun(pair[1])] as const;
    const lines = [await runs.line(pair[0]), await runs.line(pair[1])] as const;
    return c.json<Comparison>(compareRuns(read, lines));
  });
}

function requireReadable({ state, name, message }: RunLine): void {
  if (state === "unreadable") throw unreadableRun(name, message);
}

/** The requested stage, or the run's current one. */
async function stageOf(
  { runs }: StudioContext,
  run: LiveRun,
  asked: string | undefined,
): Promise<string> {
  if (asked !== undefined && asked !== "") return asked;
  return (await runs.line(run)).stage?.stage ?? "";
}

function optionalNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === "" || !Number.isFinite(value) ? undefined : value;
}
