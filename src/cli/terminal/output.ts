import { writeSync } from "node:fs";
import { shownLine, visible } from "../../files/reading/visible-text.ts";

/** What a shell gives for a process that SIGPIPE ended, which Node.js ignores. */
const SIGPIPE_EXIT = 128 + 13;
const FAILED = 1;

/** Nobody reads on: the pipe's reader has ended, or the terminal is closed. An input error of a file is the disk's. */
const isGone = (stream: NodeJS.WriteStream, code: string | undefined): boolean =>
  code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && stream.isTTY === true);

const ESC = "\u001b";
/**
 * What bars, the progress line and the lines that take its place do to a terminal. They do it in writes of their own, and all
 * text of others is written together with a line's end or with words of ours.
 */
const OWN_MOVES = new RegExp(
  String.raw`^(?:\r|${ESC}[78]|${ESC}\[(?:1|22)m|${ESC}\[\d*[ABGJK]|${ESC}\[\?(?:7|25)[hl])+$`,
);

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
    const isUnread = isGone(process.stdout, error.code);
    if (!isUnread)
      process.stderr.write(`pixart: stdout cannot be written (${error.code}); send it elsewhere\n`);
    if (!isWorkDone) process.exit(isUnread ? SIGPIPE_EXIT : FAILED);
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
    const clean = stream.isTTY === true && OWN_MOVES.test(text) ? text : shown(text);
    if (lost === undefined) return write(clean, ...rest);
    if (!isGone(stream, lost.code)) retry(fd, clean);
    const done: unknown = rest.at(-1);
    if (typeof done === "function") process.nextTick(done);
    return true;
  }) as typeof stream.write;
}

/** A device that was full may have room again, and a log go on; Node.js has given the stream up. */
function retry(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // still full: there is nobody to tell
  }
}
