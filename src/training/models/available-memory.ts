import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { type Device, deviceMemory } from "../../torch/index.ts";

/**
 * Bytes that a process may use for its models: a device's own memory if it reports that, else the machine's, shared by all
 * processes.
 */
export const memoryOf = (device: Device, processes: number): number =>
  deviceMemory(device)?.free ?? Math.floor(availableMemory() / processes);

/**
 * Bytes that this process may still use: limited by the machine's memory and by the control groups that the process is in. Page
 * cache counts as free; `process.availableMemory()` overlooks that in a container that has read many files.
 * @param root location of `/proc` and `/sys`, for tests
 */
export function availableMemory(root = "/"): number {
  const machine = fieldOf(read(join(root, "proc/meminfo")), "MemAvailable:");
  const free = machine === undefined ? freemem() : machine * 1024;
  return Math.min(free, ...groupsOf(root).map((folder) => leftIn(folder)));
}

/**
 * Total memory and swap space of this machine, used or not: the absolute upper limit.
 * @param root location of `/proc`, for tests
 */
export function machineMemory(root = "/"): number {
  const text = read(join(root, "proc/meminfo"));
  const [memory, swap = 0] = ["MemTotal:", "SwapTotal:"].map((name) => fieldOf(text, name));
  return memory === undefined ? totalmem() : (memory + swap) * 1024;
}

/** Folders of this process's control groups, the innermost first; version 2, or version 1's for memory. */
function groupsOf(root: string): string[] {
  const lines = read(join(root, "proc/self/cgroup"))?.split("\n") ?? [];
  const folders: string[] = [];
  for (const line of lines) {
    const [id, controllers, path] = line.split(":");
    const isUnified = id === "0" && controllers === "";
    if (path === undefined || !(isUnified || controllers?.split(",").includes("memory"))) continue;
    const top = join(root, isUnified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    for (let folder = join(top, path); folder.startsWith(top); folder = dirname(folder)) {
      folders.push(folder);
    }
    if (!folders.includes(top)) folders.push(top); // a container may not see its own path
  }
  return folders;
}

function leftIn(folder: string): number {
  const limit = Number(
    read(join(folder, "memory.max")) ?? read(join(folder, "memory.limit_in_bytes")) ?? Number.NaN,
  );
  const used = Number(
    read(join(folder, "memory.current")) ?? read(join(folder, "memory.usage_in_bytes")),
  );
  if (!Number.isFinite(limit) || !Number.isFinite(used)) return Number.POSITIVE_INFINITY; // "max"
  const stat = read(join(folder, "memory.stat"));
  const cached = (fieldOf(stat, "inactive_file") ?? 0) + (fieldOf(stat, "active_file") ?? 0);
  return Math.max(0, limit - used + cached);
}

const fieldOf = (text: string | undefined, name: string): number | undefined => {
  const line = text?.split("\n").find((each) => each.startsWith(`${name} `));
  const value = line?.slice(name.length).trim().split(" ")[0];
  return value === undefined ? undefined : Number(value);
};

/** Reads a small kernel file; undefined if it does not exist. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
