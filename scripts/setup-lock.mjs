// Keeps two set-ups of one folder from working at the same time.
import fs from "node:fs";
import path from "node:path";

/**
 * Takes a lock folder, which holds one file named after its owner's process id, and returns what frees it.
 * Waits while its owner lives. Taking it, also from a dead owner, is a single rename, so that of several
 * processes one succeeds.
 */
export function lock(folder, say) {
  const mine = path.join(folder, `${process.pid}`);
  for (let told = false; ; ) {
    const [owner] = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    if (
      owner === undefined ? claim(folder) : isGone(owner) && move(path.join(folder, owner), mine)
    ) {
      return () => {
        fs.unlinkSync(mine);
        fs.rmdirSync(folder);
      };
    }
    if (owner !== undefined && !told) {
      say(`Waiting for another set-up, process ${owner} (if there is none, delete ${folder}).`);
      told = true;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function claim(folder) {
  const own = `${folder}.${process.pid}`;
  fs.mkdirSync(own, { recursive: true });
  fs.writeFileSync(path.join(own, `${process.pid}`), "");
  const claimed = move(own, folder);
  if (!claimed) fs.rmSync(own, { recursive: true });
  return claimed;
}

/** A rename that another process may win. */
function move(from, to) {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTEMPTY", "EEXIST"].includes(error.code)) return false;
    throw error;
  }
}

function isGone(pid) {
  // A container often gives the same number again.
  if (pid === `${process.pid}`) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
