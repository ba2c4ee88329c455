import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { CheckState, RunLine } from "../../src/studio/api-types.ts";
import { StudioJobs } from "../../src/studio/data/studio-jobs.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { CONTROL_KEY, startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-jobs-"));
let studio: TestStudio;
let id = "";

beforeAll(async () => {
  await writeMadeRun(join(folder, "work_dirs", "mine"), { steps: 5 });
  // Every command takes until the server ends.
  const program = [process.execPath, "-e", "setInterval(() => {}, 1000)"] as const;
  studio = await startTestStudio(folder, { program, dataRoots: [folder] });
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  id = runs[0]?.id ?? "";
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

it("publishes one folder once at a time, and no more than three with checks of data", async () => {
  const post = async (path: string, body: object): Promise<unknown[]> => {
    const { status, text } = await studio.post(path, body);
    const { job, error } = JSON.parse(text);
    return [status, error?.code ?? typeof job];
  };
  const publish = (name: string): Promise<unknown[]> => post(`/api/runs/${id}/publish`, { name });
  expect(await publish("a")).toEqual([202, "string"]);
  expect(await publish("a")).toEqual([409, "name_taken"]);
  expect(await publish("b")).toEqual([202, "string"]);
  expect(await publish("c")).toEqual([202, "string"]);
  expect(await publish("d")).toEqual([429, "too_many_jobs"]);
  expect(await post("/api/data/check", { folder })).toEqual([429, "too_many_jobs"]);
});

it("begins nothing while the server is shutting down, since nobody would end it", async () => {
  const other = await startTestStudio(join(folder, "other"), {
    workDirs: [join(folder, "work_dirs")],
  });
  const slow = other.post("/v1/images/generations", { prompt: "a fox", steps: 300 });
  await vi.waitFor(() => expect(other.server.context.running.size).toBe(1));
  const stopped = other.server.stop(30_000);
  for (const [path, body] of [
    [`/api/runs/${id}/publish`, { name: "late" }],
    ["/api/data/check", { folder }],
    ["/api/runs", {}],
  ] as const)
    expect((await other.post(path, body)).status, path).toBe(503);
  const headers = { "api-key": CONTROL_KEY };
  expect((await other.ask("/api/events", { headers })).status).toBe(503);
  expect((await slow).status).toBe(200);
  await stopped;
});

it("keeps jobs that are running, however many end meanwhile", async () => {
  const jobs = new StudioJobs();
  const long = jobs.begin(() => new Promise(() => {}), {});
  const short = Array.from({ length: 60 }, () => {
    const job = jobs.begin(async (own) => own.note({ state: "done" }), { output: folder });
    expect(job.state).toMatchObject<Partial<CheckState>>({ state: "done" });
    return job;
  });
  expect(jobs.find(long.id)).toBe(long);
  expect(jobs.find(short[0]?.id ?? "")).toBeUndefined();
  expect(short.filter((job) => jobs.find(job.id) === job).length).toBe(51);
});
