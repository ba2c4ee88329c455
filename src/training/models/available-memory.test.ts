import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { availableMemory } from "./available-memory.ts";

const GIB = 2 ** 30;
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pixart-memory-"));
  put(
    "proc/meminfo",
    "MemTotal:       67108864 kB\nMemFree:         1048576 kB\nMemAvailable:   33554432 kB\n",
  );
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe("availableMemory", () => {
  it("is the machine's where nothing limits it", () => {
    put("proc/self/cgroup", "0::/user.slice\n");
    put("sys/fs/cgroup/user.slice/memory.max", "max\n");
    put("sys/fs/cgroup/user.slice/memory.current", "123\n");
    expect(availableMemory(root)).toBe(32 * GIB);
  });

  it("is what a control group leaves, where caches of files count as free", () => {
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/memory.max", `${8 * GIB}\n`);
    put("sys/fs/cgroup/memory.current", `${7 * GIB}\n`);
    put(
      "sys/fs/cgroup/memory.stat",
      `anon ${GIB}\ninactive_file ${4 * GIB}\nactive_file ${2 * GIB}\n`,
    );
    expect(availableMemory(root)).toBe(7 * GIB);
  });

  it("is what the tightest of the groups above leaves", () => {
    put("proc/self/cgroup", "0::/batch/job/task\n");
    put("sys/fs/cgroup/batch/job/task/memory.max", "max\n");
    put("sys/fs/cgroup/batch/job/task/memory.current", "0\n");
    put("sys/fs/cgroup/batch/memory.max", `${4 * GIB}\n`);
    put("sys/fs/cgroup/batch/memory.current", `${GIB}\n`);
    expect(availableMemory(root)).toBe(3 * GIB);
  });

  it("reads the groups of version 1 too", () => {
    put("proc/self/cgroup", "5:cpu:/a\n4:memory:/docker/abc\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", `${2 * GIB}\n`);
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", `${GIB / 2}\n`);
    expect(availableMemory(root)).toBe(1.5 * GIB);
  });
});
