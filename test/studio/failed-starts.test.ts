import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LogPart, RunDetails, RunLine } from "../../src/studio/api-types.ts";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { type Heard, listen, until } from "./heard-events.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-failed-"));
const go = join(folder, "go");
/** Fails once it may go on, before it writes anything; a run named "killed" is killed after that. */
const FAILS = `const fs = require("fs");
const run = process.argv[process.argv.indexOf("--work-dir") + 1];
setInterval(() => {
  if (!fs.existsSync(${JSON.stringify(go)})) return;
  if (run.endsWith("killed")) {
    console.error("libtorch: out of memory");
    fs.appendFileSync(run + "/events.jsonl", '{"type":"resume","time":"2026-01-03T00:00:00Z","stage":"alignment","step":5}\\n');
    process.kill(process.pid, "SIGKILL");
  }
  console.error("Reading the data\\nExpected a folder of pictures");
  process.exit(1);
}, 20)`;
let studio: TestStudio;

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  await writeMadeRun(join(folder, "work_dirs", "old"), { steps: 5, end: "stopped" });
  writeFileSync(join(folder, "work_dirs", "old", "log.txt"), "step 5\n");
  studio = await startTestStudio(folder, { program: [process.execPath, "-e", FAILS] });
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

const linesOf = (heard: readonly Heard[], id: string): RunLine[] =>
  heard
    .filter(({ name, data }) => name === "run" && data.id === id)
    .map(({ data }) => data.line as RunLine);

it("tells that a run that was started has failed, with its last lines", async () => {
  rmSync(go, { force: true });
  const { heard, close } = await listen(studio, "");
  const { text } = await studio.post("/api/runs", {
    ...{ name: "mine", folder: join(folder, "data"), base: "emoji-demo", goal: "style" },
    ...{ minutes: 1, dry: false },
  });
  const { id } = JSON.parse(text) as { id: string };
  await until(() => linesOf(heard, id).length > 0);
  expect(heard.some(({ name }) => name === "runs")).toBe(true);
  expect(linesOf(heard, id)).toMatchObject([{ state: "running", activity: { what: "starting" } }]);
  writeFileSync(go, "");
  await until(() => linesOf(heard, id).at(-1)?.state === "failed");
  expect(linesOf(heard, id).at(-1)?.message).toContain("Expected a folder of pictures");
  close();
});

it("tells why a run could not be resumed, and adds it to the log, once", async () => {
  rmSync(go, { force: true });
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  const id = runs.find(({ name }) => name === "old")?.id ?? "";
  const { heard, close } = await listen(studio, id);
  const log = ({ next, source }: Pick<LogPart, "next" | "source">): Promise<LogPart> =>
    studio.get(`/api/runs/${id}/log?after=${next}&source=${encodeURIComponent(source)}`);
  const before = await log({ next: 0, source: "" });
  expect((await studio.post(`/api/runs/${id}/resume`, {})).status).toBe(202);
  expect(await studio.get<RunDetails>(`/api/runs/${id}`)).toMatchObject({
    ...{ state: "running", message: null, activity: { what: "starting" } },
  });
  expect((await studio.post(`/api/runs/${id}/control`, { do: "save" })).text).toContain(
    "run_not_ready",
  );
  await until(() => linesOf(heard, id).at(-1)?.state === "running");
  writeFileSync(go, "");
  await until(() => linesOf(heard, id).at(-1)?.state === "stopped");
  expect(linesOf(heard, id).at(-1)?.message).toBe(
    "Its last process ended with code 1: Reading the data; Expected a folder of pictures",
  );
  const after = await log(before);
  expect(after.lines).toEqual(["step 5", "Reading the data", "Expected a folder of pictures"]);
  expect((await log(after)).lines).toEqual([]);
  close();

  // Another process that continues it is the last one then.
  await writeMadeRun(join(folder, "work_dirs", "old"), { steps: 8, end: "stopped" });
  expect(await studio.get<RunDetails>(`/api/runs/${id}`)).toMatchObject({
    ...{ state: "stopped", message: null },
  });
  expect((await log(after)).lines).toEqual(["step 5"]);
});

it("tells how a run's process was killed, whose output is in the run's own log", async () => {
  rmSync(go, { force: true });
  await writeMadeRun(join(folder, "work_dirs", "killed"), { steps: 5, end: null });
  writeFileSync(
    join(folder, "work_dirs", "killed", "log.txt"),
    "step 5\nlibtorch: out of memory\n",
  );
  const { heard, close } = await listen(studio, "");
  await until(() => heard.some(({ name }) => name === "runs"));
  const { runs } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  const id = runs.find(({ name }) => name === "killed")?.id ?? "";
  expect((await studio.post(`/api/runs/${id}/resume`, {})).status).toBe(202);
  writeFileSync(go, "");
  const message = "Its last process was ended by SIGKILL: libtorch: out of memory";
  await until(() => linesOf(heard, id).at(-1)?.message === message);
  expect(linesOf(heard, id).at(-1)?.state).toBe("interrupted");
  const { lines } = await studio.get<LogPart>(`/api/runs/${id}/log`);
  expect(lines).toEqual(["step 5", "libtorch: out of memory"]);
  close();
});
