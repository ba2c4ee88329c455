import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { processStat } from "../processes/process-stat.ts";

/** Identifies a process among all others, on any machine and in any container. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Id of the machine's boot; null if the system does not report it. */
  readonly boot: string | null;
  /** Namespace in which its number and its start are counted; null if the system does not report it. */
  readonly namespace: string | null;
  /** Its start in clock ticks; null if the system does not report it. */
  readonly started: string | null;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  const namespace = ownNamespace();
  return {
    pid,
    host: hostname(),
    boot: readText("/proc/sys/kernel/random/boot_id")?.trim() ?? null,
    namespace,
    started: namespace === null ? null : (startOf(pid)?.started ?? null),
  };
}

/** {@link stateOf} of a process. */
export type ProcessState = "running" | "gone" | "unseen";

/**
 * Whether a process runs. `unseen` is one that can't be observed from here: on another machine, in another container, or of
 * another user whose processes the system hides.
 */
export function stateOf(other: ProcessIdentity): ProcessState {
  const own = ownIdentity();
  if (own.boot === null || own.namespace === null || own.started === null) return "unseen";
  if (other.boot !== own.boot || other.namespace !== own.namespace) return "unseen";
  const found = startOf(other.pid);
  if (found !== undefined) {
    // A process that has ended stays listed until its parent has reaped it.
    const isIt = found.started === other.started && !"ZX".includes(found.state);
    return isIt ? "running" : "gone";
  }
  return exists(other.pid) ? "unseen" : "gone";
}

/** Null if /proc is missing, or shows another namespace than this process's. */
function ownNamespace(): string | null {
  try {
    if (readlinkSync("/proc/self") !== String(process.pid)) return null;
    // Starts are counted from the beginning of the time namespace.
    const [pids, times] = ["pid", "time"].map((kind) => readLink(`/proc/self/ns/${kind}`));
    return pids === undefined ? null : `${pids} ${times ?? ""}`.trim();
  } catch {
    return null;
  }
}

function startOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  const fields = processStat(pid);
  const [state, started] = [fields?.[0], fields?.[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
