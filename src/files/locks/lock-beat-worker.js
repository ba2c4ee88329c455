// The worker of lock-beat.ts. JavaScript, because worker threads of Node 20 do not load TypeScript.
import { closeSync, constants, futimesSync, openSync, readFileSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("./lock-beat.ts").BeatMessage} BeatMessage */

const port = parentPort;
if (port === null) throw new Error("Expected to be run by a worker thread");
/** Paths of locks, by their content. @type {Map<string, string>} */
const held = new Map();
/** Their open files. A lock that was taken over is another file, and is left alone. @type {Map<string, number>} */
const open = new Map();

port.on("message", (/** @type {BeatMessage} */ { content, path }) => {
  const file = open.get(content);
  if (file !== undefined) closeSync(file);
  open.delete(content);
  held.delete(content);
  if (path === null) return;
  held.set(content, path);
  beat(content, path);
});

setInterval(() => {
  for (const [content, path] of held) beat(content, path);
}, workerData);

/** @param {string} content @param {string} path */
function beat(content, path) {
  try {
    const file = open.get(content) ?? openLock(content, path);
    if (file !== undefined) touch(file, content);
  } catch {
    // A brief failure, of a disk or for lack of handles, may be over at the next beat; and the holder checks before it writes.
  }
}

/**
 * Makes a file as new as now. Only its owner may set times, and a share can give files another owner: writing the same again does it
 * there.
 * @param {number} file @param {string} content
 */
function touch(file, content) {
  const now = new Date();
  try {
    futimesSync(file, now, now);
  } catch {
    writeSync(file, content, 0);
  }
}

/** @param {string} content @param {string} path @returns {number | undefined} */
function openLock(content, path) {
  const file = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    if (readFileSync(file, "utf8") === content) {
      open.set(content, file);
      return file;
    }
  } finally {
    if (!open.has(content)) closeSync(file);
  }
  return undefined;
}
