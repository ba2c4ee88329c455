// What the workers of resample-workers.ts run. JavaScript, because worker threads of Node 20 do not load TypeScript.
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("./resample-taps.ts").Taps} Taps */
/** @typedef {import("./resample-workers.ts").ResampleJob} ResampleJob */

/**
 * @typedef {object} Passes
 * @property {{ buffer: ArrayBuffer, grow(pages: number): number }} memory
 * @property {(row: number, out: number, end: number, first: number, size: number, weights: number, step: number) => void} across
 * @property {(rows: number, stride: number, out: number, weights: number, last: number) => void} down
 */

const PAGE = 65_536;
const port = parentPort;
if (port === null) throw new Error("Expected to be run by a worker thread");
const { memory, across, down } = /** @type {Passes} */ (
  /** @type {unknown} */ (new WebAssembly.Instance(workerData).exports)
);

/**
 * The resized rows, one after another. Holds at most twice as many rows of the source as one row of the result is made of:
 * unchanged if the height is resized first, otherwise already at the new width.
 * @param {ResampleJob} job
 */
function resample({ source, width, horizontal, vertical, verticalFirst }) {
  const [from, to] = [width * 3, horizontal.first.length * 3];
  let used = 0;
  /** @param {number} bytes */
  const room = (bytes) => {
    const at = used;
    used = (used + bytes + 31) & ~15; // Both passes read and write up to 15 bytes beyond.
    return at;
  };
  const stride = verticalFirst ? from : to;
  const capacity = 2 * vertical.most;
  const [row, held, out] = [room(from), room(capacity * stride), room(to)];
  const tables = [
    horizontal.first.map((pixel) => pixel * 3),
    horizontal.count.map((taps) => taps * 4),
  ];
  const [first = 0, size = 0, weights = 0, rowWeights = 0] = [
    ...tables,
    horizontal.weights,
    vertical.weights,
  ].map((table) => {
    const at = room(table.byteLength);
    if (used > memory.buffer.byteLength)
      memory.grow(Math.ceil((used - memory.buffer.byteLength) / PAGE));
    new Int32Array(memory.buffer, at, table.length).set(table);
    return at;
  });
  const bytes = new Uint8Array(memory.buffer);
  /** @param {number} at */
  const resizeRow = (at) => across(row, at, at + to, first, size, weights, horizontal.most * 4);

  const result = new Uint8Array(vertical.first.length * to);
  const [top = 0] = vertical.first;
  let [begin, end] = [top, top]; // The held rows of the source.
  for (let y = 0; y < vertical.first.length; y++) {
    const [start = 0, taps = 0] = [vertical.first[y], vertical.count[y]];
    for (; end < start + taps; end++) {
      if (end - begin === capacity) {
        bytes.copyWithin(held, held + (start - begin) * stride, held + capacity * stride);
        begin = start;
      }
      const at = held + (end - begin) * stride;
      bytes.set(source.subarray(end * from, (end + 1) * from), verticalFirst ? at : row);
      if (!verticalFirst) resizeRow(at);
    }
    const weightsOfRow = rowWeights + y * vertical.most * 4;
    const target = verticalFirst ? row : out;
    down(held + (start - begin) * stride, stride, target, weightsOfRow, weightsOfRow + taps * 4);
    if (verticalFirst) resizeRow(out);
    result.set(bytes.subarray(out, out + to), y * to);
  }
  return result;
}

port.on("message", (/** @type {ResampleJob} */ job) => {
  const result = resample(job);
  port.postMessage(result, [result.buffer]);
});
