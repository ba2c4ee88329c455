import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { shellWord } from "../../files/processes/shell-word.ts";

/** How this program is called: what comes before its arguments. */
export type Program = readonly [file: string, ...args: string[]];

/** What a command came to. */
export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  /** Lines for people, the newest. */
  readonly lines: readonly string[];
}

const MOST_LINES = 200;
const MOST_OUTPUT = 4 * 2 ** 20;

/** A command as somebody would type it. */
export const commandText = (args: readonly string[]): string =>
  ["npx", "pixart", ...args.map(shellWord)].join(" ");

/** Commands that run at this moment, which end with the server. */
const running = new Set<ChildProcess>();

/** Ends what {@link runCommand} runs. */
export function endCommands(): void {
  for (const child of running) child.kill("SIGTERM");
}

/** Runs a command of this program, and waits for its end. It ends with the server. */
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
