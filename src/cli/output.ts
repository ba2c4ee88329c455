import { writeSync } from "node:fs";
import { shownLine, visible } from "./visible-text.ts";

/** What a shell gives for a process that SIGPIPE ended, which Node.js ignores. */
const SIGPIPE_EXIT = 128 + 13;
const FAILED = 1;

/** Nobody reads on: the pipe's reader has ended, or the terminal is closed. */
const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "EIO", "ECONNRESET"]);

const ESC = "\u001b";
/** The cursor's moves of a progress bar, which come in a chunk of their own. */
const CURSOR = new RegExp(
  String.raw`^(?:\r|\n|${ESC}[78]|${ESC}\[\d*(?:;\d+)?[A-HJK]|${ESC}\[\?(?:7|25)[hl])+$`,
);
/** What the progress line and the lines that take its place begin with. */
const CLEAR_LINE = `\r${ESC}[2K`;
/** The beginning and the end of bold letters. */
const BOLD = new RegExp(String.raw`(${ESC}\[(?:1|22)m)`);

let isWorkDone = false;

/**
 * Prints what was made, on stdout, for scripts. The work is done: a reader that is gone, or a full device, changes neither
 * what was made nor the exit code.
 */
export function printResult(text: string): void {
  isWorkDone = true;
  process.stdout.write(`${text}\n`);
}

/** The same for what is passed on while work is done. */
export function keepWorking(): void {
  isWorkDone = true;
}

/**
 * Stands between all that this process writes and its terminal. Nothing written can steer that, wherever its text is from; and
 * an output that takes nothing on ends no work: a command that is there to print ends, quietly where nobody reads on, with a
 * sentence where the device is full; every other goes on.
 */
export function guardOutput(): void {
  guard(process.stdout, 1, visible, (error) => {
    const isGone = GONE.has(error.code);
    if (!isGone)
      process.stderr.write(`pixart: stdout cannot be written (${error.code}); send it elsewhere\n`);
    if (!isWorkDone) process.exit(isGone ? SIGPIPE_EXIT : FAILED);
  });
  // What is said here is only for people.
  guard(
    process.stderr,
    2,
    (text) => text.split("\n").map(shownLine).join("\n"),
    () => {},
  );
}

function guard(
  stream: NodeJS.WriteStream,
  fd: number,
  shown: (text: string) => string,
  onLost: (error: NodeJS.ErrnoException) => void,
): void {
  let lost: NodeJS.ErrnoException | undefined;
  const lose = (error: NodeJS.ErrnoException): void => {
    if (lost !== undefined) return;
    lost = error;
    onLost(error);
  };
  const write = stream.write.bind(stream);
  stream.on("error", lose);
  stream.write = ((chunk: string | Uint8Array, ...rest: never[]): boolean => {
    const text = typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    const clean = stream.isTTY === true ? onTerminal(text, shown) : shown(text);
    if (lost === undefined) return write(clean, ...rest);
    retry(fd, clean, lost);
    const done: unknown = rest.at(-1);
    if (typeof done === "function") process.nextTick(done);
    return true;
  }) as typeof stream.write;
}

/** The program's own moves of the cursor and bold letters stay. */
function onTerminal(text: string, shown: (text: string) => string): string {
  if (CURSOR.test(text)) return text;
  const isFresh = text.startsWith(CLEAR_LINE);
  const parts = (isFresh ? text.slice(CLEAR_LINE.length) : text).split(BOLD);
  const clean = parts.map((part, i) => (i % 2 === 1 ? part : shown(part))).join("");
  return isFresh ? CLEAR_LINE + clean : clean;
}

/** A device that was full may have room again, and a log go on; Node.js has given the stream up. */
function retry(fd: number, text: string, { code }: NodeJS.ErrnoException): void {
  if (GONE.has(code)) return;
  try {
    writeSync(fd, text);
  } catch {
    // still full: there is nobody to tell
  }
}
