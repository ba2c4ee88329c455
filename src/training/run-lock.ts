import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { BadFileError, quote } from "../weights/errors.ts";

/** Who holds a lock. A process is told from a later one of the same number by when it started. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Boot of the machine and start of the process in clock ticks; null where the system has no /proc. */
  readonly started: string | null;
  readonly since: string;
}

/** A lock file: while it is held, no other process gets it. That of a process that is gone is taken over. */
export class RunLock implements Disposable {
  readonly #path: string;
  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /** Takes the lock. Throws naming the process that holds it. */
  static acquire(path: string): RunLock {
    const holder: Holder = {
      pid: process.pid,
      host: hostname(),
      started: startOf(process.pid),
      since: new Date().toISOString(),
    };
    const content = `${JSON.stringify(holder)}\n`;
    const own = `${path}.${randomUUID()}`;
    writeFileSync(own, content);
    try {
      while (!tryLink(own, path)) evictStale(path);
    } finally {
      rmSync(own);
    }
    return new RunLock(path, content);
  }

  [Symbol.dispose](): void {
    if (read(this.#path) === this.#content) rmSync(this.#path);
  }
}

/** Whether a process holds a lock, or may: of one on another machine it cannot be seen. */
export function isLockHeld(path: string): boolean {
  const content = read(path);
  if (content === undefined) return false;
  try {
    refuseIfHeld(path, content);
    return false;
  } catch {
    return true;
  }
}

/** Links rather than creates, so that the file never shows without its content. */
const tryLink = (from: string, to: string): boolean => unless("EEXIST", () => linkSync(from, to));

/** Takes away the lock of a process that is gone; throws where that process may still run. */
function evictStale(path: string): void {
  const content = read(path);
  if (content === undefined) return;
  refuseIfHeld(path, content);
  const grave = `${path}.${randomUUID()}`;
  if (!unless("ENOENT", () => renameSync(path, grave))) return;
  // Where another process was faster and holds the lock by now, it gets it back.
  if (read(grave) !== content) tryLink(grave, path);
  rmSync(grave);
}

function refuseIfHeld(path: string, content: string): void {
  let holder: Holder;
  try {
    holder = JSON.parse(content);
  } catch {
    const advice = "delete it if no process writes the run";
    throw new BadFileError(path, "lock", "the process that holds it", quote(content), advice);
  }
  const { pid, host, started, since } = holder;
  const isHere = host === hostname();
  if (isHere && !(startOf(pid) === started && isRunning(pid))) return;
  const advice = isHere
    ? "Wait for it, or stop it first."
    : `If it no longer runs there, delete ${path}.`;
  throw new Error(
    `The run in ${dirname(path)} is being written by process ${pid} on ${host} since ${since}. ${advice}`,
  );
}

/** When a process started; null where it is gone, or left only for its parent to notice, or there is no /proc. */
function startOf(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`);
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  if (state === undefined || "ZX".includes(state)) return null;
  return `${read("/proc/sys/kernel/random/boot_id")?.trim()} ${fields[18]}`;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's
  }
}

function read(path: string): string | undefined {
  let content: string | undefined;
  unless("ENOENT", () => {
    content = readFileSync(path, "utf8");
  });
  return content;
}

/** Runs `action`; false where it fails with `code`. */
function unless(code: string, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}
