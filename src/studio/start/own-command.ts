import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { shellWord } from "../../files/processes/shell-word.ts";

/** How to call this program: everything before its arguments. */
export type Program = readonly [file: string, ...args: string[]];

/** Result of a command. */
export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of its output. */
  readonly lines: readonly string[];
}

const MOST_LINES = 200;
const MOST_OUTPUT = 4 * 2 ** 20;

/** A command as typed in a shell. */
export const commandText = (args: readonly string[]): string =>
  ["npx", "pixart", ...args.map(shellWord)].join(" ");

/** Commands in progress, which end with the server. */
const running = new Set<ChildProcess>();

/** Ends the commands started by {@link runCommand}. */
export function endCommands(): void {
  for (const child of running) child.kill("SIGTERM");
}

/** Runs a command of this program and waits for it. It ends with the server. */
export async function runCommand(
  [file, ...before]: Program,
  args: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<CommandEnd> {
  const child = spawn(file, [...before, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const lines: string[] = [];
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout.length < MOST_OUTPUT) stdout += text;
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > MOST_LINES) lines.shift();
    onLine(line);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { code, stdout, lines };
  } finally {
    running.delete(child);
  }
}
