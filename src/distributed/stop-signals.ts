import { fstatSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";

/** Signals that ask a run to save and stop: Ctrl+C, what schedulers send before they end a job, and a closed terminal. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** One of the signals that ask a run to stop. */
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** Ignores SIGHUP if `nohup` was used. Returns the remaining signals to listen to. */
export function heedNohup(): readonly StopSignal[] {
  if (!isUnderNohup()) return STOP_SIGNALS;
  if (!process.listeners("SIGHUP").includes(ignore)) process.on("SIGHUP", ignore);
  return STOP_SIGNALS.filter((signal) => signal !== "SIGHUP");
}

/**
 * Whether `nohup` started this process. It ignores SIGHUP, which Node.js undoes before any code of ours runs, so other traces are
 * checked: shells put the program that they start into `_`, and GNU's nohup replaces a terminal on stdin by /dev/null opened only
 * for writing, which nothing else does.
 */
const isUnderNohup = (): boolean =>
  basename(process.env._ ?? "") === "nohup" || hasUnreadableNull();

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
