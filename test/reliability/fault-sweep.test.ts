import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultSweep, type Point } from "./fault-sweep.ts";
import type { FaultKind } from "./file-faults.ts";

// A release is checked at every point: npm run test:reliability -- sweep-kill sweep-torn sweep-ENOSPC sweep-EDQUOT sweep-EIO
const POINTS = 16;
/** The kinds meet different calls. */
const KINDS: readonly FaultKind[] = ["kill", "ENOSPC", "EIO"];

const folder = mkdtempSync(join(tmpdir(), "pixart-sweep-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasStrace = (): boolean => {
  try {
    execFileSync("strace", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Calls of the system that change files, by what file-faults.c calls them. */
const SYSTEM_CALLS: Readonly<Record<string, string>> = {
  ...{ open: "open", openat: "open", creat: "open" },
  ...{ write: "write", pwrite64: "pwrite", writev: "writev", pwritev: "pwritev" },
  ...{ fsync: "fsync", fdatasync: "fdatasync", ftruncate: "ftruncate", truncate: "truncate" },
  ...{ rename: "rename", renameat: "rename", renameat2: "rename" },
  ...{ link: "link", linkat: "link", symlink: "symlink", symlinkat: "symlink" },
  ...{ mkdir: "mkdir", mkdirat: "mkdir", rmdir: "rmdir", unlink: "unlink", unlinkat: "unlink" },
  ...{ chmod: "chmod", fchmodat: "chmod", fchmod: "fchmod" },
  ...{ copy_file_range: "copy_file_range", sendfile: "sendfile", fallocate: "fallocate" },
  ...{ io_uring_enter: "io_uring_enter" },
};

describe.runIf(process.platform === "linux")("a whole tiny run", () => {
  let sweep: FaultSweep;
  beforeAll(async () => {
    sweep = await FaultSweep.prepare(join(folder, "sweep"));
  });

  it.runIf(hasStrace())("makes no change to files that the faults could not come to", async () => {
    const { whole } = sweep;
    const log = join(folder, "strace.log");
    const calls = Object.keys(SYSTEM_CALLS).join(",");
    whole.reset("train");
    // Threads that it follows share one log; those of other processors are unknown there.
    const tracer = ["strace", "-f", "-y", "-s", "0", "-e", `trace=?${calls.replaceAll(",", ",?")}`];
    const ending = await whole.call("train", { tracer: [...tracer, "-o", log] });
    expect(ending.exitCode, ending.stderr).toBe(0);
    const seen = new Map<string, number>();
    for (const line of readFileSync(log, "utf8").split("\n")) {
      const [, name = "", rest = ""] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
      const call = SYSTEM_CALLS[name];
      if (call === undefined || !rest.includes(`${whole.work}/`)) continue;
      if (call === "open" && !/O_CREAT|O_TRUNC/.test(rest)) continue;
      const kind = call === "unlink" && rest.includes("AT_REMOVEDIR") ? "rmdir" : call;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    const counted = new Map<string, number>();
    for (const { call } of ending.calls) counted.set(call, (counted.get(call) ?? 0) + 1);
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(counted));
    // Events of activities go by the clock.
    expect(ending.calls.length / sweep.calls.train.length).toBeCloseTo(1, 1);
  });

  it.each(KINDS)(
    `keeps its promises where %s comes to ${POINTS} of its changes to files`,
    async (kind) => {
      const problems: object[] = [];
      for (const point of spread(sweep.points(kind), KINDS.indexOf(kind))) {
        const outcome = await sweep.judge(point);
        if (outcome.problem !== undefined) problems.push(outcome);
      }
      expect(problems).toEqual([]);
    },
    1_200_000,
  );

  it("is one that has everything: caches, samples, a pruned checkpoint, a published folder", () => {
    const names = [...sweep.calls.train, ...sweep.calls.publish].map(({ path, to }) =>
      `${path} ${to}`.replaceAll(sweep.whole.work, ""),
    );
    for (const part of [
      /^\/cache\/latents-/,
      /^\/cache\/captions-/,
      /^\/run\/samples\/.*png/,
      /^\/run\/checkpoints\/captions\/step-00000001 .*trash/,
      /^\/run\/checkpoints\/captions\/.* .*\/step-00000003$/,
      / \/published$/,
    ]) {
      expect(
        names.some((name) => part.test(name)),
        `${part}`,
      ).toBe(true);
    }
    expect(existsSync(sweep.whole.work)).toBe(true);
  });
});

/** Points at equal distances, the first and the last among them; others for each kind. */
function spread(points: readonly Point[], shift: number): Point[] {
  const step = (points.length - 1) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, i) => {
    const isInner = i > 0 && i < POINTS - 1;
    return points[Math.round(i * step + (isInner ? (shift * step) / KINDS.length : 0))];
  }).filter((point) => point !== undefined);
}
