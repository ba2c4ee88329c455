import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CONTAINER, isolates, MACHINE } from "../../../test/fixtures/namespaces.ts";
import { FileLock, LockHeldError } from "./file-lock.ts";
import { BEAT_MS } from "./lock-beat.ts";
import { ownIdentity } from "./process-identity.ts";

const source = fileURLToPath(new URL("./file-lock.ts", import.meta.url));
const tsx = import.meta.resolve("tsx");
const refuses = { waitsFor: () => false };

let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-lock-"));
  path = join(folder, "a.lock");
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(folder, { recursive: true, maxRetries: 3 });
});

/** Another process that runs `body` once it may take the lock. */
function start(body: string, before: readonly string[] = []): ChildProcess {
  const script = `
    const { FileLock } = await import(${JSON.stringify(source)});
    const path = ${JSON.stringify(path)};
    ${body}`;
  const [command = "", ...args] = [...before, process.execPath, "--import", tsx];
  const child = spawn(command, [...args, "--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

const HOLD = `
  await FileLock.acquire(path, { waitsFor: () => false });
  console.log("held");
  setInterval(() => {}, 1000);`;

async function holder(before: readonly string[] = []): Promise<ChildProcess> {
  const child = start(HOLD, before);
  if (child.stdout !== null) await once(child.stdout, "data");
  return child;
}

const held = (): { readonly pid: number; readonly id: string } =>
  JSON.parse(readFileSync(path, "utf8"));
/** A lock as a process would leave it that was this one but for some changes. */
const leave = (changes: object, at = path): void =>
  writeFileSync(at, JSON.stringify({ ...ownIdentity(), since: "then", id: "x", ...changes }));

describe("FileLock", () => {
  it("is there while it is held, and its folder is clean afterwards", async () => {
    {
      using lock = await FileLock.acquire(path, refuses);
      expect(held()).toMatchObject({ pid: process.pid, host: hostname() });
      expect(readdirSync(folder)).toEqual(["a.lock"]);
      expect(lock.isHeld()).toBe(true);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is refused to one process twice", async () => {
    using _ = await FileLock.acquire(path, refuses);
    await expect(FileLock.acquire(path, refuses)).rejects.toThrow(LockHeldError);
    expect(readdirSync(folder)).toEqual(["a.lock"]);
  });

  it("is refused while another process holds it, and taken over at once when that was killed", async () => {
    const child = await holder();
    await expect(FileLock.acquire(path, refuses)).rejects.toThrow(
      `The lock ${path} is held by process ${child.pid} on ${hostname()}`,
    );
    child.kill("SIGKILL");
    await once(child, "exit");
    using _ = await FileLock.acquire(path, refuses);
    expect(held().pid).toBe(process.pid);
    expect(readdirSync(folder)).toEqual(["a.lock"]);
  });

  it("does not outlive a process that nobody buried", async () => {
    const parent = await holder(["sh", "-c", '"$0" "$@" & exec sleep 60']);
    const { pid } = held();
    process.kill(pid, "SIGKILL");
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain(") Z "));
    (await FileLock.acquire(path, refuses)).release();
    parent.kill();
  });

  it.each([
    ["a number given to another process since", { started: "1" }],
    ["a number that nobody has", { pid: 2 ** 22 + 1 }],
  ])("is taken over at once from a process of %s", async (_, changes) => {
    leave(changes);
    const onWatch = vi.fn();
    using _lock = await FileLock.acquire(path, { ...refuses, onWatch });
    expect(held().pid).toBe(process.pid);
    expect(onWatch).not.toHaveBeenCalled();
  });

  it.each([
    ["another start of the machine", { boot: "another" }],
    ["another container", { namespace: "pid:[1]" }],
    ["a system without /proc", { boot: null, namespace: null, started: null }],
  ])("is taken over from %s only when it has stood still", async (_, changes) => {
    leave({ pid: 2 ** 22 + 1, ...changes });
    const onWatch = vi.fn();
    const begun = performance.now();
    using _lock = await FileLock.acquire(path, { ...refuses, onWatch, stillMs: 1000 });
    expect(performance.now() - begun).toBeGreaterThan(1000);
    expect(onWatch).toHaveBeenCalledOnce();
    expect(held().pid).toBe(process.pid);
  });

  it("waits for another process where it may, and says so once", async () => {
    const child = await holder();
    const onWait = vi.fn();
    const taken = FileLock.acquire(path, { waitsFor: () => true, onWait });
    await sleep(400);
    expect(onWait).toHaveBeenCalledOnce();
    child.kill("SIGKILL");
    using _ = await taken;
    expect(held().pid).toBe(process.pid);
  });

  it("leaves what was taken over to its new holder", async () => {
    const lock = await FileLock.acquire(path, refuses);
    writeFileSync(path, "another's");
    expect(lock.isHeld()).toBe(false);
    lock.release();
    expect(readFileSync(path, "utf8")).toBe("another's");
  });

  it("clears what processes left that were killed while they took it", async () => {
    leave({ pid: 2 ** 22 + 1 });
    const dead = readFileSync(path, "utf8");
    writeFileSync(`${path}.0123456789abcdef`, dead);
    writeFileSync(`${path}.0123456789abcdef.0b0e7f9c-0000-4000-8000-000000000000.new`, dead);
    writeFileSync(`${path}.mine`, dead);
    using _ = await FileLock.acquire(path, refuses);
    expect(readdirSync(folder)).toEqual(["a.lock", "a.lock.mine"]);
  });

  it("beats while the process is busy, and does not where another has the lock", async () => {
    const busy = start(`
      const lock = await FileLock.acquire(path, { waitsFor: () => false });
      console.log("held");
      const end = Date.now() + ${2 * BEAT_MS + 2000};
      while (Date.now() < end);`);
    if (busy.stdout !== null) await once(busy.stdout, "data");
    const first = statSync(path).mtimeMs;
    await sleep(BEAT_MS + 1500);
    const second = statSync(path).mtimeMs;
    expect(second).toBeGreaterThan(first);
    rmSync(path);
    leave({});
    const others = statSync(path).mtimeMs;
    await sleep(BEAT_MS + 500);
    expect(statSync(path).mtimeMs).toBe(others);
  }, 30_000);

  it("goes to one of many that find it abandoned at once, again and again", async () => {
    const body = `
      process.stdin.setEncoding("utf8");
      let lock;
      console.log("ready");
      for await (const word of process.stdin) {
        if (word.includes("end")) process.exit();
        lock = undefined;
        try { lock = await FileLock.acquire(path, { waitsFor: () => false }); } catch {}
        console.log(lock === undefined ? "refused" : "held");
      }`;
    const many = Array.from({ length: 5 }, () => start(body));
    const answers = (): Promise<string[]> =>
      Promise.all(
        many.map(async ({ stdout }) => (stdout === null ? "" : String(await once(stdout, "data")))),
      );
    expect(await answers()).toHaveLength(5);
    for (let round = 0; round < 20; round++) {
      leave({ pid: 2 ** 22 + 1, id: `round ${round}` });
      const told = answers();
      for (const { stdin } of many) stdin?.write("go\n");
      const words = (await told).map((word) => word.trim()).sort();
      expect(words, `round ${round}`).toEqual(["held", ...Array(4).fill("refused")]);
    }
    expect(readdirSync(folder)).toEqual(["a.lock"]);
  }, 60_000);
});

describe.skipIf(!isolates)("FileLock between namespaces (needs unshare, as root)", () => {
  it.each([
    ["another container of this hostname", CONTAINER],
    ["another container of another hostname", MACHINE],
  ])(
    "is not taken from a process that lives in %s",
    async (_, before) => {
      await holder(before);
      const { id } = held();
      const onWatch = vi.fn();
      await expect(FileLock.acquire(path, { ...refuses, onWatch })).rejects.toThrow(LockHeldError);
      expect(onWatch).toHaveBeenCalledOnce();
      expect(held().id).toBe(id);
    },
    60_000,
  );

  it("is not taken by one in a container from a process outside", async () => {
    using lock = await FileLock.acquire(path, refuses);
    const child = start(
      `try { await FileLock.acquire(path, { waitsFor: () => false }); console.log("held"); }
       catch (error) { console.log(error.name); }
       process.exit();`,
      CONTAINER,
    );
    const [word] = child.stdout === null ? [] : await once(child.stdout, "data");
    expect(String(word)).toBe("LockHeldError\n");
    expect(lock.isHeld()).toBe(true);
  }, 60_000);

  it("is lost by a process that was stopped for longer than others wait, and that one notices", async () => {
    const child = start(
      `
      const lock = await FileLock.acquire(path, { waitsFor: () => false });
      console.log("held");
      process.stdin.on("data", () => console.log(lock.isHeld()));`,
      CONTAINER,
    );
    if (child.stdout !== null) await once(child.stdout, "data");
    // The process itself is a child of unshare's.
    const inner = execFileSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).trim();
    process.kill(Number(inner), "SIGSTOP");
    using lock = await FileLock.acquire(path, { ...refuses, stillMs: BEAT_MS + 2000 });
    process.kill(Number(inner), "SIGCONT");
    child.stdin?.write("?\n");
    const [word] = child.stdout === null ? [] : await once(child.stdout, "data");
    expect(String(word)).toBe("false\n");
    await sleep(BEAT_MS + 500);
    expect(lock.isHeld()).toBe(true);
    expect(existsSync(path)).toBe(true);
  }, 60_000);
});
