import { type Context, Hono } from "hono";
import type { CheckState, RunLine, SessionState } from "../../src/studio/api-types.ts";
import { EventStreams } from "./event-streams.ts";
import { mockModels, mockPlan, mockReport, mockStarts, mockSystem } from "./mock-data.ts";
import { addMockDrawing } from "./mock-drawing.ts";
import { picture, sheet } from "./mock-pictures.ts";
import {
  LIVE_FROM,
  LIVE_ID,
  mockDetails,
  mockRuns,
  mockSamples,
  mockStarted,
  mockWorst,
} from "./mock-runs.ts";
import { mockSeries, mockStep } from "./mock-series.ts";

export interface MockOptions {
  /** A studio in which nothing was trained. */
  readonly isEmpty?: boolean;
  /** The run that goes on has no folder yet, until its first step. */
  readonly isStarting?: boolean;
  /** As with a key that may only look. */
  readonly isViewOnly?: boolean;
  /** As with --read-only, and on the page of pixart serve. */
  readonly isReadOnly?: boolean;
  /** Asked for before all else, where given. */
  readonly key?: string;
  /** Milliseconds a step of drawing takes. */
  readonly stepMs?: number;
}

/** A made-up studio: answers of the real one's shape, and what was asked of it. */
export interface MockStudio {
  readonly app: Hono;
  readonly streams: EventStreams;
  /** Bodies of what changes something, by path. */
  readonly asked: { readonly path: string; readonly body: unknown }[];
  /** Ids of models that are no longer listed. */
  readonly lost: Set<string>;
  /** Does one step of the run that goes on. Returns the number of steps done. */
  readonly step: () => number;
}

export function mockStudio(options: MockOptions = {}): MockStudio {
  const { isEmpty = false, isStarting = false, key, stepMs = 90 } = options;
  const { isViewOnly = false, isReadOnly = false } = options;
  const rights: SessionState = {
    canDraw: !isViewOnly,
    canDrawRuns: !isViewOnly && !isReadOnly,
    canControl: !isViewOnly && !isReadOnly,
    needsKey: key !== undefined,
  };
  const app = new Hono();
  const streams = new EventStreams();
  const asked: MockStudio["asked"] = [];
  const lost = new Set<string>();
  let liveStep = LIVE_FROM;
  const hasNoFolder = (id: string): boolean =>
    isStarting && id === LIVE_ID && liveStep === LIVE_FROM;
  const runs = (): RunLine[] => (isEmpty ? [] : mockRuns(liveStep));
  const runOf = (c: Context): RunLine | undefined => {
    const id = c.req.param("id");
    return runs().find((run) => run.id === id || id === "latest");
  };
  /** The run that is asked for, where it has a folder. */
  const writtenRunOf = (c: Context): RunLine | undefined => {
    const run = runOf(c);
    return run === undefined || hasNoFolder(run.id) ? undefined : run;
  };
  const error = (c: Context, status: 401 | 404, code: string, message: string): Response =>
    c.json({ error: { message, type: "invalid_request_error", param: null, code } }, status);
  const noRun = (c: Context): Response =>
    error(
      c,
      404,
      "run_not_found",
      "Expected the id of a run that is in one of the studio's folders",
    );

  // A session ends with its key.
  const cookie = `pixart=${encodeURIComponent(key ?? "")}`;
  const hasSession = (c: Context): boolean =>
    key === undefined || (c.req.header("cookie") ?? "").includes(cookie);
  app.use("/api/*", async (c, next) => {
    if (hasSession(c) || c.req.path === "/api/session") return next();
    return error(c, 401, "no_session", "Expected a session");
  });
  app.get("/api/session", (c) => {
    if (!hasSession(c)) return error(c, 401, "no_session", "Expected a session");
    return c.json(rights);
  });
  app.post("/api/session", async (c) => {
    const body = (await c.req.json()) as { key: string };
    if (key !== undefined && body.key !== key)
      return error(c, 401, "invalid_key", "This is not the key that the terminal printed");
    return c.json(rights, 200, {
      "set-cookie": `${cookie}; HttpOnly; SameSite=Strict; Path=/`,
    });
  });
  app.get("/api/runs", (c) => c.json({ runs: runs(), roots: ["/home/ada/emoji/work_dirs"] }));
  app.get("/api/runs/:id", (c) => {
    const run = runOf(c);
    if (run === undefined) return noRun(c);
    return c.json(hasNoFolder(run.id) ? mockStarted(run) : mockDetails(run));
  });
  app.get("/api/runs/:id/series", (c) => {
    const run = writtenRunOf(c);
    if (run === undefined) return noRun(c);
    const stage = c.req.query("stage") ?? run.stage?.stage ?? "";
    const until = run.stage === null ? 0 : stage === run.stage.stage ? run.stage.step : 2000;
    const [from, to] = [c.req.query("from"), c.req.query("to")];
    return c.json(mockSeries(stage, until, Number(from ?? 1), Number(to ?? until)));
  });
  app.get("/api/runs/:id/samples", (c) => {
    const run = writtenRunOf(c);
    if (run === undefined) return noRun(c);
    const stage = c.req.query("stage") || run.stage?.stage;
    return c.json({ samples: mockSamples(run).filter((set) => set.stage === stage) });
  });
  app.get("/api/runs/:id/worst", (c) => {
    const run = writtenRunOf(c);
    return run === undefined ? noRun(c) : c.json(mockWorst(run));
  });
  app.get("/api/runs/:id/report", (c) =>
    c.html("<!doctype html><title>A run</title>", 200, { "content-disposition": "attachment" }),
  );
  app.get("/api/runs/:id/log", (c) => {
    const after = Number(c.req.query("after"));
    const lines = Array.from(
      { length: 40 },
      (_, i) => `step ${1200 + i}/3000  loss 0.2${i}  84 pictures/s`,
    );
    const source = "log.txt";
    return c.json(after > 0 ? { lines: [], next: after, source } : { lines, next: 2000, source });
  });
  app.get("/api/compare", (c) => {
    const byId = (id: string | undefined): RunLine | undefined =>
      runs().find((run) => run.id === id);
    const [a, b] = [byId(c.req.query("a")), byId(c.req.query("b"))];
    if (a === undefined || b === undefined) return noRun(c);
    return c.json({
      a,
      b,
      differences: [
        { path: "optimizer.lr", a: 2e-4, b: 1e-4 },
        { path: "stages.0.steps", a: 3000, b: 600 },
      ],
    });
  });
  const takes = (path: string, status: 200 | 202, answer: (body: unknown) => object): void => {
    app.post(path, async (c) => {
      const body: unknown = await c.req.json();
      asked.push({ path: c.req.path, body });
      return c.json(answer(body), status);
    });
  };
  takes("/api/runs/:id/control", 202, () => ({}));
  takes("/api/runs/:id/resume", 202, () => ({ id: "r5" }));
  takes("/api/runs/:id/publish", 202, () => ({ job: "publish_1" }));
  takes("/api/data/check", 202, () => ({ job: "check_1" }));
  takes("/api/runs", 202, (body) => ((body as { dry: boolean }).dry ? mockPlan : { id: LIVE_ID }));
  let looks = 0;
  app.get("/api/jobs/:job", (c) => {
    looks += 1;
    const isDone = looks % 3 === 0;
    const state: CheckState = {
      state: isDone ? "done" : "running",
      done: isDone ? 214 : 90,
      total: 214,
      message: null,
      report: isDone ? mockReport : null,
    };
    return c.json(state);
  });
  app.get("/api/starts", (c) => c.json(mockStarts));
  app.get("/api/folders", (c) => {
    const { path = "" } = c.req.query();
    const { dataRoots } = mockStarts;
    if (path === "") return c.json({ path, parent: null, folders: dataRoots, pictures: 0 });
    const isFirst = path === dataRoots[0];
    return c.json({
      path,
      parent: dataRoots.includes(path) ? null : dataRoots[0],
      folders: isFirst ? ["grandfather", "cat", "holiday-2026"] : [],
      pictures: isFirst ? 0 : 214,
    });
  });
  app.get("/api/models", (c) => {
    const listed = isEmpty ? [] : mockModels;
    return c.json({ models: listed.filter(({ id }) => !lost.has(id)) });
  });
  app.get("/api/system", (c) => c.json(mockSystem));
  app.get("/api/thumb/:name", async (c) => {
    const [kind, a = "0", b = "10"] = c.req.param("name").split("-");
    const side = Number(c.req.query("w") ?? 512);
    const bytes =
      kind === "sheet"
        ? await sheet(Number(a) / 10)
        : await picture(Number(a), Number(b) / 10, side);
    return c.body(new Uint8Array(bytes), 200, { "content-type": "image/webp" });
  });
  app.get("/api/events", (c) => streams.open(c));
  addMockDrawing(app, stepMs);
  const step = (): number => {
    liveStep += 1;
    const place = { id: LIVE_ID, stage: "alignment", step: liveStep };
    streams.send("step", { ...place, ...mockStep(liveStep) });
    const [line] = mockRuns(liveStep);
    streams.send("run", { id: LIVE_ID, line });
    return liveStep;
  };
  return { app, streams, asked, lost, step };
}
