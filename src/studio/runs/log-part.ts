import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { readFrom } from "../../files/reading/whole-file.ts";
import type { LogPart } from "../api-types.ts";

const MOST_LINES = 1000;
/** Bytes in which the lines are searched for. */
const MOST_BYTES = 2 ** 19;
const LONGEST_LINE = 4000;

/** How far a log has been read. */
type LogPlace = Pick<LogPart, "next" | "source">;

const START: LogPlace = { next: 0, source: "" };

/**
 * Whole lines of a log from a place on, the newest; none if there is no log. A log that is another file than the place's, or has
 * become shorter, is read from the start. A place without a source is one in any file.
 */
export async function logPart(path: string, place: LogPlace = START): Promise<LogPart> {
  const found = await lstat(path).catch(() => undefined);
  // A link, or a pipe waiting for a writer, is not a log of ours.
  if (!found?.isFile()) return { lines: [], ...START };
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { dev, ino, size } = await file.stat();
    const source = `${dev}-${ino}`;
    const isKnown = place.source === "" || place.source === source;
    const begin = isKnown && place.next <= size ? place.next : 0;
    const from = Math.max(begin, size - MOST_BYTES);
    const bytes = await readFrom({ path, file }, from, size - from);
    const end = bytes.lastIndexOf("\n") + 1;
    // If the beginning was skipped, the first line is incomplete.
    const start = from > begin ? bytes.indexOf("\n") + 1 : 0;
    const lines = bytes.subarray(start, end).toString("utf8").split("\n").slice(0, -1);
    return {
      lines: lines.slice(-MOST_LINES).map((line) => line.slice(0, LONGEST_LINE)),
      next: from + end,
      source,
    };
  } finally {
    await file.close();
  }
}

/**
 * Two logs that nobody writes any more, one after the other: the newest lines of both, or none if they were read before, because
 * the place is in them already.
 */
export async function bothLogs(
  paths: readonly [string, string],
  place: LogPlace,
): Promise<LogPart> {
  const [first, second] = [await logPart(paths[0]), await logPart(paths[1])];
  const source = `${first.source}+${second.source}`;
  const lines = place.source === source ? [] : [...first.lines, ...second.lines];
  return { lines: lines.slice(-MOST_LINES), next: first.next + second.next, source };
}
