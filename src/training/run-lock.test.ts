import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RunLock } from "./run-lock.ts";

// Runs just before a stale lock is renamed: what another process may do in between.
const meanwhile = vi.hoisted(() => ({ act: (): void => {} }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const renameSync: typeof fs.renameSync = (from, to) => {
    meanwhile.act();
    fs.renameSync(from, to);
  };
  return { ...fs, renameSync };
});

const source = fileURLToPath(new URL("./run-lock.ts", import.meta.url));
const tsx = import.meta.resolve("tsx");

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-lock-"));
  path = join(folder, "run.lock");
});
afterEach(() => {
  meanwhile.act = () => {};
  rmSync(folder, { recursive: true });
});

/** Another process that takes the lock, says so, and holds it until it is ended. */
async function holder(
  command = process.execPath,
  before: readonly string[] = [],
): Promise<ChildProcess> {
  const script = `
    const { RunLock } = await import(${JSON.stringify(source)});
    RunLock.acquire(${JSON.stringify(path)});
    console.log(process.pid);
    setInterval(() => {}, 1000);`;
  const args = ["--import", tsx, "--input-type=module", "-e", script];
  const child = spawn(command, [...before, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

describe("RunLock", () => {
  it("is there while it is held, and its folder is clean afterwards", () => {
    {
      using _ = RunLock.acquire(path);
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
        pid: process.pid,
        host: hostname(),
      });
      expect(readdirSync(folder)).toEqual(["run.lock"]);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is refused twice to one process", () => {
    using _ = RunLock.acquire(path);
    expect(() => RunLock.acquire(path)).toThrow(/is being written by process/);
    expect(readdirSync(folder)).toEqual(["run.lock"]);
  });

  it("is refused while another process holds it, and taken over once that was killed", async () => {
    const child = await holder();
    const { pid, since } = JSON.parse(readFileSync(path, "utf8"));
    expect(pid).toBe(child.pid);
    expect(() => RunLock.acquire(path)).toThrow(
      `The run in ${folder} is being written by process ${pid} on ${hostname()} since ${since}. Wait for it, or stop it first.`,
    );
    child.kill("SIGKILL");
    await once(child, "exit");
    using _ = RunLock.acquire(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid });
    expect(readdirSync(folder)).toEqual(["run.lock"]);
  });

  it("does not outlive a process that nobody buried", async () => {
    const parent = await holder("sh", ["-c", '"$0" "$@" & exec sleep 60', process.execPath]);
    const { pid } = JSON.parse(readFileSync(path, "utf8"));
    process.kill(pid, "SIGKILL");
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain(") Z "));
    RunLock.acquire(path)[Symbol.dispose]();
    parent.kill();
    await once(parent, "exit");
  });

  /** A lock as this process would hold it, but for some changes. */
  const leave = (changes: object): void => {
    using _ = RunLock.acquire(path);
    const holder = { ...JSON.parse(readFileSync(path, "utf8")), ...changes };
    writeFileSync(path, JSON.stringify(holder));
  };

  it.each([
    ["a process number given to another process since", { started: "another boot 1" }],
    ["a process number that nobody has", { pid: 2 ** 22 + 1 }],
    ["a process number that nobody has, without /proc", { pid: 2 ** 22 + 1, started: null }],
  ])("is taken over from %s", (_, changes) => {
    leave(changes);
    using _lock = RunLock.acquire(path);
    expect(readFileSync(path, "utf8")).toContain(`"pid":${process.pid}`);
  });

  it("is refused where another machine holds it", () => {
    leave({ host: "elsewhere", pid: 7, since: "2026-01-02T03:04:05.678Z" });
    expect(() => RunLock.acquire(path)).toThrow(
      `The run in ${folder} is being written by process 7 on elsewhere since 2026-01-02T03:04:05.678Z. If it no longer runs there, delete ${path}.`,
    );
    expect(readdirSync(folder)).toEqual(["run.lock"]);
  });

  it("is refused where its file says nothing", () => {
    writeFileSync(path, "");
    expect(() => RunLock.acquire(path)).toThrow(
      `${path}: lock: expected the process that holds it but found ""; delete it if no process writes the run`,
    );
  });

  it("is left alone where it was taken over meanwhile", () => {
    const lock = RunLock.acquire(path);
    writeFileSync(path, "another's");
    lock[Symbol.dispose]();
    expect(existsSync(path)).toBe(true);
  });

  it("stays with the process that was faster to take it over", () => {
    leave({ pid: 2 ** 22 + 1 });
    const faster = JSON.stringify({ pid: 7, host: "elsewhere", started: null, since: "now" });
    meanwhile.act = () => writeFileSync(path, faster);
    expect(() => RunLock.acquire(path)).toThrow("is being written by process 7 on elsewhere");
    expect(readFileSync(path, "utf8")).toBe(faster);
    expect(readdirSync(folder)).toEqual(["run.lock"]);
  });

  it("is taken once another process has cleared the way", () => {
    leave({ pid: 2 ** 22 + 1 });
    meanwhile.act = () => rmSync(path, { force: true });
    using _ = RunLock.acquire(path);
    expect(readFileSync(path, "utf8")).toContain(`"pid":${process.pid}`);
  });

  it("goes to one of many that find it stale at once", async () => {
    leave({ pid: 2 ** 22 + 1 });
    const script = `
      const { RunLock } = await import(${JSON.stringify(source)});
      await new Promise((go) => process.stdin.once("data", go).resume() && console.log("ready"));
      try { RunLock.acquire(${JSON.stringify(path)}); console.log("held"); } catch { console.log("refused"); }
      process.stdin.once("end", () => process.exit());`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ["--import", tsx, "--input-type=module", "-e", script], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    await Promise.all(children.map((child) => once(child.stdout, "data")));
    const answers = Promise.all(children.map((child) => once(child.stdout, "data")));
    for (const child of children) child.stdin.write("go\n");
    const words = (await answers).map(String).sort();
    expect(words).toEqual(["held\n", "refused\n", "refused\n", "refused\n"]);
    for (const child of children) child.stdin.end();
    await Promise.all(children.map((child) => once(child, "exit")));
  });
});
