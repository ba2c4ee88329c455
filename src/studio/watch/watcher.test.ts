import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ApiError } from "../../server/http/api-error.ts";
import type { Dispatcher } from "../../server/jobs/dispatcher.ts";
import type { RunLine } from "../api-types.ts";
import { LiveRun } from "../runs/live-run.ts";
import { unreadableLine } from "../runs/run-line.ts";
import type { Runs } from "../runs/runs.ts";
import type { StartedRuns } from "../start/started-runs.ts";
import { Watcher } from "./watcher.ts";

const place = { id: "run", path: "/nowhere", name: "run" };
let line: RunLine;
let watcher: Watcher;
beforeEach(() => {
  line = unreadableLine(place, "first");
  const run = new LiveRun(place, () => {});
  const runs: Pick<Runs, "all" | "scan" | "line"> = {
    all: [run],
    scan: async () => false,
    line: async () => ({ ...line }), // a new one each time, as of a large run that is still being read
  };
  const idle: Pick<Dispatcher, "waiting" | "pictures"> = { waiting: 0, pictures: 0 };
  const started: Pick<StartedRuns, "lines"> = { lines: async () => [] };
  const server = { dispatcher: idle as Dispatcher, models: () => new Map() };
  watcher = new Watcher(runs as Runs, started as StartedRuns, server);
});
afterEach(() => watcher.stop());

it("tells of a run only what is new", async () => {
  watcher.start();
  await sleep(0);
  const told: string[] = [];
  const { body } = watcher.listen(new Set([place.id]));
  void body?.pipeTo(
    new WritableStream({ write: (piece) => void told.push(Buffer.from(piece).toString()) }),
  );
  const ofRun = (): string[] => told.filter((text) => text.startsWith("event: run\n"));
  await sleep(1800);
  expect(ofRun()).toEqual([]);
  line = { ...line, message: "second" };
  await sleep(1800);
  expect(ofRun()).toHaveLength(1);
  expect(ofRun()[0]).toContain("second");
});

it("opens no stream once it is over, since nobody would end it", () => {
  watcher.stop();
  expect(() => watcher.listen(new Set())).toThrow(
    expect.objectContaining<Partial<ApiError>>({ status: 503, code: "shutting_down" }),
  );
});
