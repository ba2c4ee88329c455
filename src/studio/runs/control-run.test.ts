import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MADE_STAGE, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { ownIdentity } from "../../files/locks/process-identity.ts";
import { processStat } from "../../files/processes/process-stat.ts";
import { controlRun } from "./control-run.ts";
import { LiveRun } from "./live-run.ts";
import { runDetails } from "./run-details.ts";

const TIME = "2026-01-02T04:00:00.000Z";
const facts = { device: "CPU", host: "a", versions: {}, threads: 1, argv: [], cwd: "/" };

let path: string;
let run: LiveRun;
let child: ChildProcess;
beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), "pixart-control-")), "run");
  const resume = { type: "resume", time: TIME, stage: MADE_STAGE, step: 5, facts } as const;
  await writeMadeRun(path, { steps: 5, end: null, more: [resume] });
  run = new LiveRun({ id: "x", path, name: "run" }, () => {});
  child = spawn("sleep", ["60"]);
});
afterEach(() => {
  vi.restoreAllMocks();
  child.kill("SIGKILL");
  rmSync(join(path, ".."), { recursive: true });
});

/** Locks the run as the child would, but for some changes. */
function lock(changes: object = {}): void {
  const pid = child.pid ?? 0;
  const holder = { ...ownIdentity(), pid, started: processStat(pid)?.[19], since: TIME, id: "x" };
  writeFileSync(join(path, "run.lock"), JSON.stringify({ ...holder, ...changes }));
}

const requests = (): string[] => readdirSync(join(path, "control")).sort();

it("stops a process that is recognized here by a signal", async () => {
  lock();
  const ended = once(child, "exit");
  await controlRun(run, "stop");
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(readdirSync(path)).not.toContain("control");
});

it.each([
  ["in a container with this machine's name", { namespace: "pid:[1]" }, "running"],
  ["on another machine", { host: "elsewhere", boot: "another" }, "elsewhere"],
  ["on a system without /proc", { boot: null, namespace: null, started: null }, "running"],
])("asks a process %s through the run's folder, and signals none", async (_, changes, state) => {
  lock(changes);
  const kill = vi.spyOn(process, "kill");
  const line = await run.line();
  expect(line.state).toBe(state);
  expect((await runDetails(run, line, true)).canControl).toBe(true);
  for (const what of ["stop", "save", "sample"] as const) await controlRun(run, what);
  expect(requests()).toEqual(["sample", "save", "stop"]);
  expect(kill.mock.calls.filter(([, signal]) => signal !== 0)).toEqual([]);
});

it("asks a process whose lock can't be parsed through the run's folder", async () => {
  writeFileSync(join(path, "run.lock"), "?");
  await controlRun(run, "stop");
  expect(requests()).toEqual(["stop"]);
});

it.each(["EPERM", "ESRCH"])(
  "asks through the folder where a signal fails with %s",
  async (code) => {
    lock();
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error(`kill ${code}`), { code });
    });
    await controlRun(run, "stop");
    expect(requests()).toEqual(["stop"]);
  },
);

it("says why a request can't be written", async () => {
  lock({ host: "elsewhere", boot: "another" });
  writeFileSync(join(path, "control"), "");
  await expect(controlRun(run, "stop")).rejects.toMatchObject({
    status: 409,
    code: "run_not_writable",
    message: expect.stringMatching(/^The request can't be written into the run: .*control/),
  });
});

it("says so where no process writes the run", async () => {
  await expect(controlRun(run, "stop")).rejects.toMatchObject({ code: "run_not_at_work" });
});

it("says how a run of an older version is stopped, which takes no requests", async () => {
  await writeMadeRun(path, { steps: 5, end: null });
  lock({ host: "elsewhere", boot: "another" });
  await expect(controlRun(run, "stop")).rejects.toMatchObject({
    code: "older_version",
    message:
      "This run was started by an older version of pixart, which takes no requests; it can only be stopped, by Ctrl+C or SIGTERM on elsewhere",
  });
});
