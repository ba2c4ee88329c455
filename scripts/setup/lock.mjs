// Keeps two set-ups of one folder from working at the same time.
import fs from "node:fs";
import path from "node:path";

/**
 * Takes a lock folder, which holds one file named after its owner's process id, and returns what frees it.
 * Waits while the owner lives. Taking, taking over from a dead owner and freeing are single renames, so
 * that no process ever sees half of one.
 */
export function lock(folder, say) {
  const own = `${folder}.${process.pid}`;
  const mine = path.join(folder, `${process.pid}`);
  for (let told = false; ; ) {
    const owner = ownerOf(folder);
    if (owner === undefined ? claim(own, folder) : takeOver(folder, owner, mine)) break;
    if (owner !== undefined && !told) {
      say(`Waiting for another set-up, process ${owner} (if there is none, delete ${folder}).`);
      told = true;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  return () => {
    fs.renameSync(folder, own);
    fs.rmSync(own, { recursive: true });
  };
}

function ownerOf(folder) {
  let owner;
  tolerate(["ENOENT"], () => {
    [owner] = fs.readdirSync(folder);
  });
  return owner;
}

function claim(own, folder) {
  fs.mkdirSync(own, { recursive: true });
  fs.writeFileSync(path.join(own, `${process.pid}`), "");
  const claimed = tolerate(["ENOTEMPTY", "EEXIST"], () => fs.renameSync(own, folder));
  if (!claimed) fs.rmSync(own, { recursive: true });
  return claimed;
}

function takeOver(folder, owner, mine) {
  // A container often gives the same number again.
  const alive =
    owner !== `${process.pid}` && tolerate(["ESRCH"], () => process.kill(Number(owner), 0));
  return !alive && tolerate(["ENOENT"], () => fs.renameSync(path.join(folder, owner), mine));
}

/** Whether an action succeeds; it may fail in the expected ways only. */
function tolerate(codes, action) {
  try {
    action();
    return true;
  } catch (error) {
    if (codes.includes(error.code)) return false;
    throw error;
  }
}
