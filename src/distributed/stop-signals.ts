import { fstatSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";

/** Signals that ask a run to save and stop: Ctrl+C, what schedulers send before they end a job, and a terminal that goes away. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** One of the signals that ask a run to stop. */
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** Lets SIGHUP end nothing where `nohup` says that the terminal may go away. Gives the signals that are left to listen to. */
export function heedNohup(): readonly StopSignal[] {
  if (!isUnderNohup()) return STOP_SIGNALS;
  if (!process.listeners("SIGHUP").includes(ignore)) process.on("SIGHUP", ignore);
  return STOP_SIGNALS.filter((signal) => signal !== "SIGHUP");
}

/**
 * Whether `nohup` started this process. It asks by ignoring SIGHUP, which Node.js undoes before any code of ours runs: so what
 * else it leaves is looked at. Shells put the program that they start into `_`, and GNU's nohup takes a terminal from stdin by
 * opening /dev/null there for writing alone, which nothing else does.
 */
export function isUnderNohup(
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return basename(env._ ?? "") === "nohup" || hasUnreadableNull();
}

const O_ACCMODE = 0o3;
const O_WRONLY = 0o1;

function hasUnreadableNull(): boolean {
  try {
    const [, flags = "0"] =
      /^flags:\s*(\d+)/m.exec(readFileSync("/proc/self/fdinfo/0", "utf8")) ?? [];
    if ((Number.parseInt(flags, 8) & O_ACCMODE) !== O_WRONLY) return false;
    return fstatSync(0).rdev === statSync("/dev/null").rdev;
  } catch {
    return false; // no /proc here, or no stdin
  }
}

const ignore = (): void => {};
