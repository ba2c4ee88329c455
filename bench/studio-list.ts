import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Runs } from "../src/studio/runs/runs.ts";
import { writeMadeRun } from "../test/fixtures/made-run.ts";
import { startStudioProcess } from "./studio-process.ts";

// How long the studio's list of runs takes, how long it holds up the event loop, and what the built server holds in memory:
// npm run build && npx tsx bench/studio-list.ts [runs] [steps]

const [count = 50, steps = 20_000] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "pixart-bench-studio-"));

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await work();
  const ms = Math.round(performance.now() - start);
  delay.disable();
  const longest = (delay.max / 1e6).toFixed(1);
  console.log(`${what}: ${ms} ms, longest stall ${longest} ms`);
}

const residentMegabytes = (pid: number): number => {
  const [, kilobytes = "0"] =
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
};

/** The list as a page asks for it at once, from a server that has just started. */
async function serve(): Promise<void> {
  await using studio = await startStudioProcess(folder);
  for (const [what, waitMs] of [
    ["server, first list", 0],
    ["server, list after half a minute", 30_000],
  ] as const) {
    await sleep(waitMs);
    const start = performance.now();
    const { runs } = (await (await studio.ask("/api/runs")).json()) as { runs: unknown[] };
    const ms = Math.round(performance.now() - start);
    console.log(`${what}: ${runs.length} runs in ${ms} ms, ${residentMegabytes(studio.pid)} MB`);
  }
}

try {
  for (let i = 0; i < count; i++) await writeMadeRun(join(folder, `run-${i}`), { steps });
  console.log(`${count} runs of ${steps} steps`);
  const runs = new Runs([folder]);
  await runs.scan();
  await timed("first list", () => runs.lines());
  await timed("all read", async () => {
    while (runs.all.some((run) => run.isCold)) await sleep(20);
  });
  await timed("list", () => runs.lines());
  await serve();
} finally {
  rmSync(folder, { recursive: true });
}
