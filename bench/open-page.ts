/**
 * How much slower a run trains beside an open page, and what share of a core the server takes meanwhile:
 * `npm run build && npx tsx bench/open-page.ts RUN [rounds]`, for a run that is training now. Windows with a studio and a tab that
 * watches the run take turns with windows without either; step times come from the run's events.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEvent } from "../src/training/run-folder/events.ts";
import { describeMachine } from "./machine.ts";
import { median } from "./measure.ts";
import { startStudioProcess } from "./studio-process.ts";

/** Of a window; in the first seconds of one the server starts and reads the run's events. */
const WINDOW_MS = 30_000;
const SETTLE_MS = 8_000;

const [run, rounds = "6"] = process.argv.slice(2);
if (run === undefined)
  throw new Error("Expected a run folder: npx tsx bench/open-page.ts RUN [rounds]");
const events = join(run, "events.jsonl");

/** Seconds of processor time that a process has taken. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Seconds of each step that ended between two moments. */
function stepsBetween(from: number, to: number): number[] {
  const steps = readFileSync(events, "utf8").split("\n").map(parseEvent);
  return steps.flatMap((event) => {
    if (event?.type !== "step") return [];
    const time = Date.parse(event.time);
    const seconds = Object.values(event.seconds).reduce((sum, value) => sum + value, 0);
    return time >= from && time < to ? [seconds] : [];
  });
}

const shares: number[] = [];

/** @param server whose share of a core is noted */
async function window(server?: number): Promise<number[]> {
  await sleep(SETTLE_MS);
  const from = Date.now();
  const cpu = server === undefined ? 0 : cpuSeconds(server);
  await sleep(WINDOW_MS);
  if (server !== undefined) shares.push((1000 * (cpuSeconds(server) - cpu)) / (Date.now() - from));
  return stepsBetween(from, Date.now());
}

/** A window with a tab open: its stream of events, and what it asks for when there is news. */
async function windowBesidePage(folder: string): Promise<number[]> {
  await using studio = await startStudioProcess(dirname(resolve(folder)));
  const { runs } = (await (await studio.ask("/api/runs")).json()) as {
    runs: { id: string; name: string }[];
  };
  const id = runs.find(({ name }) => name === basename(resolve(folder)))?.id;
  if (id === undefined) throw new Error(`Expected ${folder} among the studio's runs`);
  const abort = new AbortController();
  const stream = await studio.ask(`/api/events?runs=${id}`, abort.signal);
  const reading = stream.body?.pipeTo(new WritableStream()).catch(() => {}); // until it is aborted
  for (const path of ["", "/series?keys=loss,heldout,lr&points=1000", "/samples"])
    await (await studio.ask(`/api/runs/${id}${path}`)).arrayBuffer();
  const steps = await window(studio.pid);
  abort.abort();
  await reading;
  return steps;
}

console.log(describeMachine());
const all = { alone: [] as number[], beside: [] as number[] };
for (let round = 0; round < Number(rounds); round++) {
  const alone = await window();
  const beside = await windowBesidePage(run);
  all.alone.push(...alone);
  all.beside.push(...beside);
  const [a, b] = [median(alone), median(beside)];
  console.log(
    `alone ${(1000 * a).toFixed(1)} ms (${alone.length} steps), beside a page ${(1000 * b).toFixed(1)} ms (${beside.length} steps): ${(b / a).toFixed(4)}`,
  );
}
const ratio = median(all.beside) / median(all.alone);
console.log(`all: a step takes ${ratio.toFixed(4)} times as long beside a page`);
console.log(`the server takes ${(100 * median(shares)).toFixed(2)} % of a core meanwhile`);
