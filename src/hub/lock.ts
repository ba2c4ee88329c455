import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

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
  await mkdir(dirname(path), { recursive: true });
  await acquire(path, onWait);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // taken over: the two then write the same bytes to the same places
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await unlink(path).catch(ignoreMissing);
  }
}

async function acquire(path: string, onWait: () => void): Promise<void> {
  let seen = { mark: "", since: 0 };
  while (!(await create(path))) {
    const holder = await readHolder(path);
    if (holder === undefined) continue; // just released
    if (seen.mark === "") onWait();
    if (seen.mark !== holder.mark) seen = { mark: holder.mark, since: performance.now() };
    if (holder.isDead || performance.now() - seen.since > STALE_MS) {
      // Renamed first: of several that wait, one gets it, and the others find nothing to rename.
      const grave = `${path}.${randomBytes(4).toString("hex")}`;
      await rename(path, grave).catch(ignoreMissing);
      await unlink(grave).catch(ignoreMissing);
    } else {
      await sleep(POLL_MS);
    }
  }
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${hostname()} ${process.pid}`);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
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
