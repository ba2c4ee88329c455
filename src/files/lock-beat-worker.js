// The worker of lock-beat.ts. JavaScript, because a worker thread of Node 20 loads no TypeScript.
import { closeSync, futimesSync, openSync, readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("./lock-beat.ts").BeatMessage} BeatMessage */

const port = parentPort;
if (port === null) throw new Error("Expected to be run by a worker thread");
/** Open lock files by their content. A file that was taken over is another one, and is left alone. @type {Map<string, number>} */
const held = new Map();

port.on("message", (/** @type {BeatMessage} */ { content, path }) => {
  const file = held.get(content);
  if (file !== undefined) closeSync(file);
  held.delete(content);
  if (path !== null) hold(path, content);
});

/** @param {string} path @param {string} content */
function hold(path, content) {
  try {
    const file = openSync(path, "r+");
    if (readFileSync(file, "utf8") === content) held.set(content, file);
    else closeSync(file);
  } catch {
    // Gone already: its holder finds out before it writes.
  }
}

setInterval(() => {
  for (const file of held.values()) {
    const now = new Date();
    try {
      futimesSync(file, now, now);
    } catch {
      // As above; and a disk that fails for a moment may be back at the next beat.
    }
  }
}, workerData);
