import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { INTERRUPTED, LOST_RANK, PREEMPTED, RUN_LOST } from "./exit-codes.ts";
import { freePort } from "./free-port.ts";
import { heedNohup } from "./stop-signals.ts";

/** Options of {@link supervise}. */
export interface SuperviseOptions {
  readonly processes: number;
  /** The command of each process. */
  readonly command: readonly string[];
  /** How often all are restarted after a failure. */
  readonly maxRestarts: number;
  /** Prints human-readable lines. */
  readonly say: (line: string) => void;
}

/** Exit codes of a run that was asked to stop; of several processes, the first of these gives the reason. */
const STOPPED: readonly number[] = [INTERRUPTED, PREEMPTED];
/** Number of a failed process's last lines to show again. */
const LAST_LINES = 20;
/** Time after the first failure until the others are ended; they may have noticed it themselves. */
const GRACE_MS = 8_000;

interface Rank {
  readonly rank: number;
  readonly child: ChildProcess;
  readonly lastLines: string[];
  readonly ended: Promise<void>;
}

/** How a rank ended that had not been asked to. */
interface Failure {
  readonly rank: Rank;
  readonly how: string;
  readonly code: number;
}

/**
 * Runs the processes of one machine as torchrun does: each with its rank in the environment, and all ended if one fails. The
 * store and the collectives stay on loopback. Signals are forwarded once. Returns the exit code.
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { maxRestarts, say } = options;
  for (let restart = 0; ; restart++) {
    const { code, wasStopped } = await runOnce(options, restart);
    if (code === 0 || code === RUN_LOST || wasStopped) return code;
    if (restart === maxRestarts) {
      if (maxRestarts > 0) say(`Gave up after ${maxRestarts} restarts`);
      return code;
    }
    say(`Starting all processes again: restart ${restart + 1} of ${maxRestarts}`);
  }
}

async function runOnce(
  { processes, command, say }: SuperviseOptions,
  restart: number,
): Promise<{ readonly code: number; readonly wasStopped: boolean }> {
  const port = await freePort();
  let wasAsked = false;
  const ranks = Array.from({ length: processes }, (_, rank) =>
    start(command, environment(rank, processes, port, restart), rank),
  );
  const handOn = (signal: NodeJS.Signals): void => {
    wasAsked = true;
    for (const { child } of ranks) child.kill(signal);
  };
  const signals = heedNohup();
  for (const signal of signals) process.on(signal, handOn);
  try {
    const failures: Failure[] = [];
    const firstFailure = new Promise<void>((resolve) => {
      for (const rank of ranks) {
        const note = (failure: Failure | undefined): void => {
          if (failure === undefined) return;
          failures.push(failure);
          resolve();
        };
        rank.child.once("exit", (code, signal) => note(failureOf(rank, code, signal)));
        rank.child.once("error", ({ message }) =>
          note({ rank, how: `could not be started: ${message}`, code: 1 }),
        );
      }
    });
    const allEnded = Promise.all(ranks.map(({ ended }) => ended));
    await Promise.race([allEnded, firstFailure]);
    if (failures.length > 0) {
      await Promise.race([allEnded, pause(GRACE_MS)]);
      const survivors = ranks.filter(isAlive);
      report(failures, survivors, say);
      for (const { child } of survivors) child.kill("SIGKILL");
    }
    await allEnded;
    // A process that was not asked itself only knows that others were; those interrupted by a person know better.
    const stopCode = STOPPED.find((code) => ranks.some(({ child }) => child.exitCode === code));
    const code = (firstCause(failures) ?? failures[0])?.code ?? stopCode ?? 0;
    return { code, wasStopped: failures.length === 0 || wasAsked };
  } finally {
    for (const signal of signals) process.off(signal, handOn);
  }
}

function start(command: readonly string[], env: NodeJS.ProcessEnv, rank: number): Rank {
  const [program = process.execPath, ...args] = command;
  // In its own process group: otherwise a terminal's Ctrl+C would reach it twice.
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const lastLines: string[] = [];
  const prefix = rank === 0 ? "" : `[rank ${rank}] `;
  const show = (stream: NodeJS.ReadableStream | null, out: NodeJS.WritableStream): void => {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      out.write(`${prefix}${line}\n`);
    });
  };
  show(child.stdout, process.stdout);
  show(child.stderr, process.stderr);
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  return { rank, child, lastLines, ended };
}

/**
 * torchrun's variables (torch/distributed/elastic/agent/server/local_elastic_agent.py), and the id of this process as the parent.
 */
function environment(
  rank: number,
  processes: number,
  port: number,
  restart: number,
): NodeJS.ProcessEnv {
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  return {
    OMP_NUM_THREADS: `${threads}`,
    // c10d's warnings about a lost connection are pages of C++ frames that only say that another rank is gone.
    TORCH_CPP_LOG_LEVEL: "ERROR",
    ...process.env,
    RANK: `${rank}`,
    LOCAL_RANK: `${rank}`,
    WORLD_SIZE: `${processes}`,
    LOCAL_WORLD_SIZE: `${processes}`,
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: `${port}`,
    PIXART_RESTART_COUNT: `${restart}`,
    PIXART_LAUNCHER_PID: `${process.pid}`,
  };
}

function failureOf(
  rank: Rank,
  code: number | null,
  signal: NodeJS.Signals | null,
): Failure | undefined {
  if (code === 0 || (code !== null && STOPPED.includes(code))) return undefined;
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  return { rank, how, code: code ?? 1 };
}

/**
 * The first that did not end because of another; but first of all one whose run is lost, whatever others failed with because of
 * it.
 */
const firstCause = (failures: readonly Failure[]): Failure | undefined =>
  failures.find(({ code }) => code === RUN_LOST) ?? failures.find(({ code }) => code !== LOST_RANK);

function report(
  failures: readonly Failure[],
  survivors: readonly Rank[],
  say: (line: string) => void,
): void {
  const cause = firstCause(failures);
  // If all others ended because one is gone, it is the one that still exists, stopped.
  const blamed = cause?.rank ?? survivors.find(isStopped) ?? survivors[0] ?? failures[0]?.rank;
  if (blamed === undefined) return;
  const how = cause?.how ?? (survivors.includes(blamed) ? stateOf(blamed) : failures[0]?.how);
  say(`Rank ${blamed.rank} (process ${blamed.child.pid}) ${how}. Its last lines:`);
  for (const line of blamed.lastLines) say(`  ${line}`);
}

const stateOf = (rank: Rank): string =>
  isStopped(rank) ? "is stopped (SIGSTOP), and was ended" : "does not answer, and was ended";

/** Whether a process is stopped by a signal, if the system reports it. */
function isStopped({ child }: Rank): boolean {
  try {
    return /^State:\s+[Tt]/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8"));
  } catch {
    return false; // no /proc here
  }
}

const isAlive = ({ child }: Rank): boolean => child.exitCode === null && child.signalCode === null;

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
