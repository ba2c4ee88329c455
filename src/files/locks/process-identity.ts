import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process, so that it is told from every other one, on any machine and in any container. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Of the machine's start; null where the system does not tell it. */
  readonly boot: string | null;
  /** In which its number and its start are counted; null where the system does not tell it. */
  readonly namespace: string | null;
  /** Its start in clock ticks; null where the system does not tell it. */
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

/**
 * Whether a process runs. `unseen` is one that cannot be looked at from here: of another machine, of another container, of
 * somebody else whose processes the system hides.
 */
export function stateOf(other: ProcessIdentity): "running" | "gone" | "unseen" {
  const own = ownIdentity();
  if (own.boot === null || own.namespace === null || own.started === null) return "unseen";
  if (other.boot !== own.boot || other.namespace !== own.namespace) return "unseen";
  const found = startOf(other.pid);
  if (found !== undefined) {
    // One that has ended stays listed until its parent has noticed.
    const isIt = found.started === other.started && !"ZX".includes(found.state);
    return isIt ? "running" : "gone";
  }
  return exists(other.pid) ? "unseen" : "gone";
}

/** Null where /proc is missing, or shows the processes of another namespace than this one's. */
function ownNamespace(): string | null {
  try {
    if (readlinkSync("/proc/self") !== String(process.pid)) return null;
    // Starts are counted from the beginning of the second.
    const [pids, times] = ["pid", "time"].map((kind) => readLink(`/proc/self/ns/${kind}`));
    return pids === undefined ? null : `${pids} ${times ?? ""}`.trim();
  } catch {
    return null;
  }
}

function startOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The name before may hold anything.
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const started = fields[18];
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
