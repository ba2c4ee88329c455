import { dirname } from "node:path";
import { makeFolder } from "../make-folder.ts";
import { FileLock } from "./file-lock.ts";

/**
 * Runs `work` while holding a lock file, so that no other process does so at the same time. `onWait` is called once if it has to
 * wait. See FileLock for when the lock of a process that is gone is taken over.
 */
export async function withLock<T>(
  path: string,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await makeFolder(dirname(path));
  let hasWaited = false;
  const waits = (): void => {
    if (!hasWaited) onWait();
    hasWaited = true;
  };
  using _ = await FileLock.acquire(path, {
    waitsFor: () => true,
    onWait: waits,
    onWatch: waits,
  });
  return await work();
}
