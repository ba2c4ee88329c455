/**
 * What it takes to index the events of a long run, and how long the event loop stands still meanwhile:
 * `npx tsx bench/event-tail.ts [steps]`.
 */
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EventTail } from "../src/training/run-folder/event-tail.ts";
import { formatEvent, type RunEvent } from "../src/training/run-folder/events.ts";
import { describeMachine } from "./machine.ts";

const steps = Number(process.argv[2] ?? 100_000);
const EVERY = 500;

function eventsOf(step: number): RunEvent[] {
  const place = { time: new Date(1.8e12 + step * 100).toISOString(), stage: "alignment", step };
  const loss = 0.2 + Math.sin(step / 7) / 30;
  const parts = { mse: loss / 3, vlb: loss / 5 };
  const bands = { "0-249": loss / 7, "250-499": loss, "500-749": loss / 3, "750-999": loss / 9 };
  const seconds = { data: loss / 13, forward: loss / 3, backward: loss, optimizer: loss / 11 };
  const rates = { gradNorm: loss * 3, lr: 1e-3 / (1 + step), imagesPerSecond: 64 / loss };
  const done: RunEvent = {
    type: "step",
    ...place,
    loss,
    lossParts: parts,
    bands,
    ...rates,
    seconds,
  };
  if (step % EVERY !== 0) return [done];
  const losses = { train: loss, heldout: loss * 1.1 };
  return [
    done,
    { type: "validation", ...place, losses, bands: { train: bands, heldout: bands } },
    { type: "checkpoint", ...place, folder: `checkpoints/alignment/step-${step}` },
    { type: "sample", ...place, file: `samples/alignment-${step}.png` },
  ];
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => eventsOf(from + i + 1))
    .flat()
    .map((event) => `${formatEvent(event)}\n`)
    .join("");

/** Milliseconds. */
interface Watched {
  readonly ms: number;
  /** The longest time without a turn of the event loop; others that want the processor make it longer. */
  readonly stall: number;
  /** The most processor time of all threads between two turns, garbage collection's included. */
  readonly work: number;
}

async function watched(body: () => Promise<void>): Promise<Watched> {
  let stall = 0;
  let work = 0;
  let last = performance.now();
  let usage = process.cpuUsage();
  let isOver = false;
  const tick = (): void => {
    const now = performance.now();
    stall = Math.max(stall, now - last);
    last = now;
    const { user, system } = process.cpuUsage(usage);
    work = Math.max(work, (user + system) / 1000);
    usage = process.cpuUsage();
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const start = performance.now();
  await body();
  const ms = performance.now() - start;
  isOver = true;
  tick();
  return { ms, stall, work };
}

const folder = mkdtempSync(join(tmpdir(), "pixart-tail-"));
try {
  const path = join(folder, "events.jsonl");
  writeFileSync(path, "");
  for (let at = 0; at < steps; at += 10_000)
    appendFileSync(path, lines(at, Math.min(steps, at + 10_000)));
  await sleep(500);
  console.log(describeMachine());
  const before = process.memoryUsage.rss();
  const tail = new EventTail(path);
  const index = await watched(() => tail.read());
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
  console.log(
    `${steps} steps, ${mb(statSync(path).size)} MB: index ${index.ms.toFixed(0)} ms, longest stall ${index.stall.toFixed(1)} ms, of work ${index.work.toFixed(1)} ms, ${mb(process.memoryUsage.rss() - before)} MB more`,
  );
  appendFileSync(path, lines(steps, steps + 4));
  const update = await watched(() => tail.read());
  console.log(`4 more steps: ${update.ms.toFixed(1)} ms`);
  const trace = tail.stage("alignment");
  const start = performance.now();
  const loss = trace.series("loss", { points: 1000 });
  console.log(
    `1000 points of the loss: ${(performance.now() - start).toFixed(1)} ms, ${JSON.stringify(loss).length} bytes`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
