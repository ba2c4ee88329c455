import { writeSync } from "node:fs";
import { shownLine, visible } from "../../files/reading/visible-text.ts";

/** The exit code that a shell reports for a process ended by SIGPIPE, which Node.js ignores. */
const SIGPIPE_EXIT = 128 + 13;
const FAILED = 1;

/** Whether nobody reads any more: the pipe's reader has ended, or the terminal is closed. EIO of a file is the disk's. */
const isGone = (stream: NodeJS.WriteStream, code: string | undefined): boolean =>
  code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && stream.isTTY === true);

const ESC = "\u001b";
/**
 * Control sequences of progress bars, of the progress line and of the lines that replace it. They come in writes of their own;
 * text from elsewhere is always written together with a line feed or with text of this program.
 */
const OWN_MOVES = new RegExp(
  String.raw`^(?:\r|${ESC}[78]|${ESC}\[(?:1|22)m|${ESC}\[\d*[ABGJK]|${ESC}\[\?(?:7|25)[hl])+$`,
);

let isWorkDone = false;

/**
 * Prints the result on stdout, for scripts. The work is done: a reader that has gone away or a full device changes neither the
 * result nor the exit code.
 */
export function printResult(text: string): void {
  isWorkDone = true;
  process.stdout.write(`${text}\n`);
}

/** From here on a lost stdout does not end the process, as after {@link printResult}: work is being done. */
export function keepWorking(): void {
  isWorkDone = true;
}

/**
 * Filters everything that this process writes, so that no text, wherever it is from, can control the terminal. If an output
 * fails, work continues; only a command whose purpose is to print ends: silently if nobody reads any more, with a message if the
 * device is full.
 */
export function guardOutput(): void {
  guard(process.stdout, 1, visible, (error) => {
    const isUnread = isGone(process.stdout, error.code);
    if (!isUnread)
      process.stderr.write(`pixart: stdout cannot be written (${error.code}); send it elsewhere\n`);
    if (!isWorkDone) process.exit(isUnread ? SIGPIPE_EXIT : FAILED);
  });
  // Messages on stderr are only for people.
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

/** Writes directly, since Node.js has given up the stream: a device that was full may have room again, so a log can continue. */
function retry(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // still full, and nowhere to report it
  }
}
