import type { LogPart } from "../../../../src/studio/api-types.ts";

const MOST_LINES = 2000;

/** The log of a run before anything was read of it. */
export const NO_LOG: LogPart = { lines: [], next: 0, source: "" };

/** The log as displayed, with the part that follows: the newest lines, of one file only. */
export function withPart(log: LogPart, part: LogPart): LogPart {
  const isSame = part.source === log.source;
  if (isSame && part.lines.length === 0) return log;
  const lines = isSame ? [...log.lines, ...part.lines].slice(-MOST_LINES) : part.lines;
  return { ...part, lines };
}
