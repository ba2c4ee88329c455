import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Runs } from "../src/studio/runs/runs.ts";
import { writeMadeRun } from "../test/fixtures/made-run.ts";

// How long the studio's list of runs takes, what it holds in memory, and how long it holds up the event loop:
// npx tsx bench/studio-list.ts [runs] [steps]

const [count = 50, steps = 20_000] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "pixart-bench-studio-"));
const megabytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await work();
  const ms = Math.round(performance.now() - start);
  delay.disable();
  const longest = (delay.max / 1e6).toFixed(1);
  console.log(`${what}: ${ms} ms, longest stall ${longest} ms, ${megabytes()} MB resident`);
}

try {
  for (let i = 0; i < count; i++) await writeMadeRun(join(folder, `run-${i}`), { steps });
  console.log(`${count} runs of ${steps} steps; ${megabytes()} MB resident`);
  const runs = new Runs([folder]);
  await runs.scan();
  await timed("first list", () => runs.lines());
  await timed("all read", async () => {
    while (runs.all.some((run) => run.isCold))
      await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await timed("list", () => runs.lines());
} finally {
  rmSync(folder, { recursive: true });
}
