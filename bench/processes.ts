/** The processes that rows measure: workers that live through a row, and commands that end by themselves. Linux only. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The path of a file by its place beside this one. */
export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The Python with torch, diffusers and transformers. */
export const python: string = process.env.PIXART_PYTHON ?? here("../.pixart/python/bin/python");

const quiet = {
  HF_HUB_OFFLINE: "1",
  HF_HUB_DISABLE_PROGRESS_BARS: "1",
  TRANSFORMERS_VERBOSITY: "error",
};
const children = new Set<ChildProcessWithoutNullStreams>();

function start(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  // A group of its own, so that what it starts can be ended with it.
  const child = spawn(command, args, { env: { ...process.env, ...quiet }, detached: true });
  children.add(child);
  child.on("close", () => children.delete(child));
  child.stdin.on("error", () => {}); // a process that ended reads no more; its end is told below
  return child;
}

/** Ends what is still running: for a program that is stopped. */
export function endProcesses(): void {
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

/** Peak resident bytes of a process so far; 0 where it is gone. */
function peakOf({ pid }: ChildProcessWithoutNullStreams): number {
  const path = `/proc/${pid}/status`;
  const line = existsSync(path) ? /VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8")) : null;
  return Number(line?.[1] ?? 0) * 1024;
}

/** What a command did. */
export interface Ended {
  /** From its start to its end. */
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
  readonly stdout: string;
}

/** Runs a command to its end, with `input` as JSON on stdin. Throws with the end of its stderr where it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  input?: unknown,
): Promise<Ended> {
  const begin = performance.now();
  const child = start(command, args);
  let [peak, stdout, stderr] = [0, "", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr = `${stderr}${text}`.slice(-4000);
  });
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child));
  }, 100);
  child.stdin.end(JSON.stringify(input));
  const [code] = await once(child, "close").finally(() => clearInterval(timer));
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${stderr}`);
  return { seconds, peak, stdout };
}

/** Arguments of Node for the command line from its sources. */
export const pixart = (...args: readonly string[]): string[] => [
  "--import",
  "tsx",
  here("../src/cli/main.ts"),
  ...args,
];

/** worker.py or worker.ts, which answers questions a line each. */
export class Worker {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(command: string, args: readonly string[]) {
    this.#child = start(command, args);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when the worker has loaded what the request names. */
  static async start(language: "python" | "typescript", request: unknown): Promise<Worker> {
    const text = JSON.stringify(request);
    const worker =
      language === "python"
        ? new Worker(python, [here("worker.py"), text])
        : new Worker(process.execPath, ["--import", "tsx", here("worker.ts"), text]);
    await worker.#answer();
    return worker;
  }

  /** Resolves to the answer. Throws what the worker says of its failure. */
  ask(question: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, number>>> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return this.#answer();
  }

  async #answer(): Promise<Readonly<Record<string, number>>> {
    const { value, done } = await this.#lines.next();
    const answer = done ? { failed: "the worker ended without a word" } : JSON.parse(value);
    if (answer.failed !== undefined) throw new Error(answer.failed);
    return answer;
  }

  /** Bytes. */
  get peak(): number {
    return peakOf(this.#child);
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    if (children.has(this.#child)) await once(this.#child, "close");
  }
}
