// The worker of parquet-thread.ts. JavaScript, because a worker thread of Node 20 cannot load TypeScript.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("hyparquet").AsyncBuffer} AsyncBuffer */
/** @typedef {import("hyparquet").FileMetaData} FileMetaData */
/** @typedef {import("hyparquet").SchemaElement} SchemaElement */
/** @typedef {import("./parquet-thread.ts").ParquetJob} ParquetJob */
/** @typedef {import("./parquet-thread.ts").ParquetFooter} ParquetFooter */
/** @typedef {import("./parquet-thread.ts").RowsJob} RowsJob */

const port = parentPort;
if (port === null) throw new Error("Expected to be run by a worker thread");
/** Prefix of the text of a JSON value, which the receiver parses. */
const { jsonMark } = /** @type {{ jsonMark: string }} */ (workerData);

let taken = 0;
let most = Number.POSITIVE_INFINITY;

/** @param {number} bytes requested */
function take(bytes) {
  taken += bytes;
  if (taken > most) throw new Error(`more than ${most} bytes are needed to read it`);
}

// Memory outside JavaScript's heap has no limit in a worker, so the reader's allocations are counted here.
for (const kind of [
  Uint8Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
]) {
  const counted = new Proxy(kind, {
    /** @param {typeof kind} target @param {unknown[]} args @returns {object} */
    construct(target, args) {
      if (typeof args[0] === "number") take(args[0] * target.BYTES_PER_ELEMENT);
      return Reflect.construct(target, args);
    },
  });
  Reflect.set(globalThis, kind.name, counted);
}

const { parquetMetadataAsync, parquetRead, parquetReadObjects } = await import("hyparquet");
const { compressors } = await import("hyparquet-compressors");

/** Snappy has its own memory, in WebAssembly; allocations of the others are counted above. */
const countedCompressors = {
  ...compressors,
  SNAPPY: (/** @type {Uint8Array} */ input, /** @type {number} */ length) => {
    take(length);
    return /** @type {NonNullable<typeof compressors.SNAPPY>} */ (compressors.SNAPPY)(
      input,
      length,
    );
  },
};

/** @param {import("node:fs").Stats} found */
function requireFile(found) {
  if (!found.isFile()) throw new Error("no regular file");
}

/**
 * Calls `use` with a file's bytes and its identity, and closes it afterwards. Opens files like whole-file.ts: a pipe that has
 * taken its place does not block.
 * @template T
 * @param {string} path
 * @param {(file: AsyncBuffer, identity: string) => Promise<T>} use
 */
async function withFile(path, use) {
  requireFile(statSync(path));
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    requireFile(found);
    const { size: byteLength, dev, ino, mtimeMs } = found;
    const slice = (/** @type {number} */ start, /** @type {number | undefined} */ end) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end ?? byteLength, byteLength) - start));
      let done = 0;
      while (done < bytes.length) {
        const count = readSync(file, bytes, done, bytes.length - done, start + done);
        if (count === 0) throw new Error("the file was truncated while it was being read");
        done += count;
      }
      return bytes.buffer;
    };
    return await use({ byteLength, slice }, [dev, ino, byteLength, mtimeMs].join());
  } finally {
    closeSync(file);
  }
}

/**
 * By identity, the most recently used last: shuffled training switches files for each picture.
 * @type {Map<string, FileMetaData>}
 */
const footers = new Map();
/** Maximum bytes of the footers as stored; in memory they take ten times as much. Hundreds of files stay below it. */
const MOST_FOOTER_BYTES = 8 * 2 ** 20;
let footerBytes = 0;

/** @param {AsyncBuffer} file @param {string} identity */
async function footerOf(file, identity) {
  const known = footers.get(identity);
  const footer = known ?? (await parquetMetadataAsync(file));
  if (known === undefined) footerBytes += footer.metadata_length;
  footers.delete(identity);
  footers.set(identity, footer);
  for (const [oldest, { metadata_length: bytes }] of footers) {
    if (footerBytes <= MOST_FOOTER_BYTES || footers.size === 1) break;
    footers.delete(oldest);
    footerBytes -= bytes;
  }
  return footer;
}

const DEEPEST = 100;

/**
 * The schema is a tree written in depth-first order; its first element is the root.
 * @param {readonly SchemaElement[]} schema
 */
function leavesOf(schema) {
  /** @type {{ path: string[], element: SchemaElement }[]} */
  const leaves = [];
  let at = 0;
  /** @param {readonly string[]} parents @param {number} depth */
  const visit = (parents, depth) => {
    const element = schema[at];
    if (element === undefined) throw new Error("the schema ends before its last element");
    if (depth > DEEPEST) throw new Error(`columns nested deeper than ${DEEPEST}`);
    at += 1;
    const path = depth === 0 ? [] : [...parents, element.name];
    if (element.num_children === undefined) leaves.push({ path, element });
    for (let child = 0; child < (element.num_children ?? 0); child += 1) visit(path, depth + 1);
  };
  visit([], 0);
  return leaves;
}

/** @param {readonly string[] | undefined} path */
const nameOf = (path) => path?.join("\0") ?? "";

/** @param {string} path @returns {Promise<ParquetFooter>} */
const open = (path) =>
  withFile(path, async (file, identity) => {
    const { schema, row_groups } = await footerOf(file, identity);
    return {
      identity,
      byteLength: file.byteLength,
      leaves: leavesOf(schema),
      groups: row_groups.map(({ num_rows, columns }) => ({
        rows: Number(num_rows),
        chunks: new Map(
          columns.map(({ meta_data: chunk, offset_index_offset }) => [
            nameOf(chunk?.path_in_schema),
            {
              bytes: Number(chunk?.total_uncompressed_size ?? 0),
              stored: Number(chunk?.total_compressed_size ?? 0),
              hasPageIndex: offset_index_offset !== undefined,
            },
          ]),
        ),
      })),
    };
  });

/**
 * The same metadata reduced to the given leaves: a struct's path can be read without its bytes.
 * @param {FileMetaData} metadata @param {ReadonlySet<string>} kept @param {ReadonlySet<string>} plain those read as stored
 * @returns {FileMetaData}
 */
function only(metadata, kept, plain) {
  const { schema } = metadata;
  let at = 0;
  /** @param {readonly string[]} parents @returns {SchemaElement[]} */
  const visit = (parents) => {
    const element = /** @type {SchemaElement} */ (schema[at]);
    const path = at === 0 ? [] : [...parents, element.name];
    at += 1;
    if (element.num_children === undefined) {
      const { converted_type: _, logical_type: __, ...stored } = element;
      if (!kept.has(nameOf(path))) return [];
      return [plain.has(nameOf(path)) ? /** @type {SchemaElement} */ (stored) : element];
    }
    const children = Array.from({ length: element.num_children }, () => visit(path));
    const rest = children.filter((child) => child.length > 0);
    return rest.length === 0 && path.length > 0
      ? []
      : [{ ...element, num_children: rest.length }, ...rest.flat()];
  };
  return {
    ...metadata,
    schema: visit([]),
    row_groups: metadata.row_groups.map((group) => ({
      ...group,
      columns: group.columns.filter((column) => kept.has(nameOf(column.meta_data?.path_in_schema))),
    })),
  };
}

/** A time since 1970, in units of 10^-digits seconds, as ISO 8601; the number itself if the calendar has no such day. */
/** @param {bigint} time @param {number} digits */
function isoTime(time, digits) {
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((time % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((time - fraction) / perSecond) * 1000);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toISOString().replace("000Z", `${String(fraction).padStart(digits, "0")}Z`);
}

/** Parsers that keep all digits of times; dates and times become ISO 8601 text. */
const exactParsers = {
  timestampFromMilliseconds: (/** @type {bigint} */ time) => isoTime(time, 3),
  timestampFromMicroseconds: (/** @type {bigint} */ time) => isoTime(time, 6),
  timestampFromNanoseconds: (/** @type {bigint} */ time) => isoTime(time, 9),
  dateFromDays: (/** @type {number} */ days) =>
    isoTime(BigInt(days) * 86_400n, 0).replace(/T.*$/, ""),
  jsonFromBytes: (/** @type {Uint8Array} */ bytes) => jsonMark + new TextDecoder().decode(bytes),
};

/**
 * @template T
 * @param {RowsJob} job
 * @param {(options: import("hyparquet").ParquetReadOptions) => Promise<T>} read
 */
const reading = ({ path, identity, leaves, plain }, read) =>
  withFile(path, async (file, found) => {
    if (found !== identity) throw new Error("a file that was changed after it was listed");
    return read({
      file,
      metadata: only(await footerOf(file, identity), new Set(leaves), new Set(plain)),
      compressors: countedCompressors,
      // Otherwise pictures would be decoded as text; columns declared as text still are.
      utf8: false,
      useOffsetIndex: true,
      parsers: exactParsers,
    });
  });

/** @param {RowsJob} job @returns {Promise<Record<string, unknown>[]>} */
const rows = (job) =>
  reading(job, (options) =>
    parquetReadObjects({ ...options, rowStart: job.start, rowEnd: job.end }),
  );

/** The group that parts are taken from, by columns. @type {{ key: string, columns: Map<string, unknown[]> } | undefined} */
let held;

/**
 * Rows of a group that is requested in parts: it is decoded once, since most columns can't be decoded in parts.
 * @param {RowsJob} job @param {{ start: number, end: number }} group
 */
async function part(job, group) {
  const key = [job.identity, group.start, ...job.leaves].join("\0\0");
  if (held?.key !== key) {
    held = undefined;
    /** @type {Map<string, unknown[]>} */
    const columns = new Map(job.leaves.map((leaf) => [leaf.split("\0")[0] ?? "", []]));
    const { start: rowStart, end: rowEnd } = group;
    await reading(job, (options) =>
      parquetRead({
        ...options,
        rowStart,
        rowEnd,
        onChunk: ({ columnName, columnData, rowStart: first }) => {
          const column = columns.get(columnName) ?? [];
          for (let i = 0; i < columnData.length; i++) column[first - rowStart + i] = columnData[i];
        },
      }),
    );
    held = { key, columns };
  }
  const { columns } = held;
  if (job.end === group.end) held = undefined;
  return Array.from({ length: job.end - job.start }, (_, i) =>
    Object.fromEntries(
      Array.from(columns, ([name, values]) => [name, values[job.start - group.start + i]]),
    ),
  );
}

/**
 * The buffers that hold pictures, to be transferred instead of copied.
 * @param {unknown} value @param {Set<ArrayBuffer>} found
 */
function buffersIn(value, found) {
  if (typeof value !== "object" || value === null) return found;
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else for (const inner of Object.values(value)) buffersIn(inner, found);
  return found;
}

/** Path under which the system reports this thread's computing time; empty if it does not. */
function threadPlace() {
  try {
    return readlinkSync("/proc/thread-self");
  } catch {
    return ""; // not on Linux
  }
}

/**
 * What the file has instead of what was expected, in hyparquet's words or ours. If damage leads the reader astray, JavaScript's
 * own message names variables, which helps nobody.
 * @param {unknown} error
 */
function reasonOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error instanceof TypeError || error instanceof RangeError ? "damage" : error.message;
}

port.on("message", async (/** @type {ParquetJob} */ job) => {
  taken = 0;
  most = job.kind === "place" ? Number.POSITIVE_INFINITY : job.mostBytes;
  try {
    if (job.kind === "place") port.postMessage({ value: threadPlace() });
    else if (job.kind === "open") port.postMessage({ value: await open(job.path) });
    else if (job.group !== undefined) port.postMessage({ value: await part(job, job.group) });
    else {
      const value = await rows(job);
      port.postMessage({ value }, [...buffersIn(value, new Set())]);
    }
  } catch (error) {
    port.postMessage({ error: reasonOf(error) });
  }
});
