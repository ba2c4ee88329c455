import { readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../files/make-folder.ts";
import { claimFile } from "../files/new-file.ts";
import { touchFile } from "../files/open-file.ts";
import { discardFile, removeFile } from "../files/remove.ts";

const POLL_MS = 100;
const HEARTBEAT_MS = 5_000;
const STALE_MS = 60_000;

/**
 * Runs `work` while no other process does under the same lock file. The lock of a process that died is taken over: at
 * once where it ran on this machine, and after a minute without its heartbeat where it did not (file systems that
 * machines share have no clock to compare with, so the minute is the waiting one's own).
 */
export async function withLock<T>(
  path: string,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await makeFolder(dirname(path));
  await acquire(path, onWait);
  const heartbeat = setInterval(() => {
    touchFile(path).catch(() => {}); // taken over: the two then write the same bytes to the same places
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await removeFile(path);
  }
}

async function acquire(path: string, onWait: () => void): Promise<void> {
  let seen = { mark: "", since: 0 };
  while (!(await claimFile(path, `${hostname()} ${process.pid}`))) {
    const holder = await readHolder(path);
    if (holder === undefined) continue; // just released
    if (seen.mark === "") onWait();
    if (seen.mark !== holder.mark) seen = { mark: holder.mark, since: performance.now() };
    if (holder.isDead || performance.now() - seen.since > STALE_MS) {
      await discardFile(path);
    } else {
      await sleep(POLL_MS);
    }
  }
}

async function readHolder(path: string): Promise<{ mark: string; isDead: boolean } | undefined> {
  try {
    const [host, pid] = (await readFile(path, "utf8")).split(" ");
    const { mtimeMs } = await stat(path);
    const isDead = host === hostname() && pid !== undefined && !isAlive(Number(pid));
    return { mark: `${host} ${pid} ${mtimeMs}`, isDead };
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
