// Reads damaged files in a process of its own, which its parent ends where a file makes it hang or eat the memory. Writes a line
// for each file before it is read, so that the parent knows the culprit, and one for each that broke a promise.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as torch from "../../src/torch/index.ts";
import { collectGarbage } from "../collect-garbage.ts";
import { faultOf } from "./acceptable-error.ts";
import type { FuzzJob, FuzzLine } from "./fuzz.ts";
import type { FuzzedReader } from "./fuzzed-reader.ts";
import { mutate } from "./mutate.ts";
import { readers } from "./readers.ts";
import { say as sayLine } from "./say.ts";

/** Processor time that no file may take. */
const MOST_SECONDS = 1;
/** Memory that no file may take beside what was there. */
const MOST_BYTES = 300e6;

const say: (line: FuzzLine) => void = sayLine;

/** Linux alone keeps a highest mark that can be set back; elsewhere what is held after the read counts. */
const isLinux = process.platform === "linux";

/** Most memory that this process had since it was last forgotten, in bytes. */
function highestMemory(): number {
  const { rss } = process.memoryUsage();
  if (!isLinux) return rss;
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Math.max(rss, Number(kilobytes ?? 0) * 1024);
}

function forgetHighestMemory(): void {
  if (isLinux) writeFileSync("/proc/self/clear_refs", "5");
}

/** Reads the files of one job. */
async function work(reader: FuzzedReader, { first, end }: FuzzJob, folder: string): Promise<void> {
  const { name } = reader;
  mkdirSync(folder);
  const targets = await reader.prepare(folder);
  const intact = targets.map((target) => readFileSync(join(folder, target)));
  // What is intact is read; which also loads what is loaded once.
  await reader.read(folder);
  collectGarbage();
  let usual = process.memoryUsage().rss;
  let { tensors } = torch.memory();
  for (let seed = first; seed < end; seed++) {
    const target = targets[seed % targets.length] ?? "";
    const original = intact[seed % targets.length] ?? Buffer.of();
    const damaged = mutate(original, seed);
    writeFileSync(join(folder, target), reader.seal?.(damaged, folder) ?? damaged);
    say({ reader: name, seed });
    forgetHighestMemory();
    const before = process.cpuUsage();
    let problem: string | undefined;
    let isAccepted = true;
    try {
      await reader.read(folder);
    } catch (error) {
      isAccepted = false;
      problem = faultOf(error, folder);
    }
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    if (seconds > MOST_SECONDS) problem ??= `took ${seconds.toFixed(1)} s of processor time`;
    const highest = highestMemory();
    if (highest - usual > MOST_BYTES) {
      problem ??= `took ${Math.round((highest - usual) / 1e6)} MB`;
      collectGarbage();
      usual = process.memoryUsage().rss;
    }
    if (torch.memory().tensors > tensors) {
      // What nobody holds any more goes with the collection, and the turn after it.
      for (let round = 0; round < 10 && torch.memory().tensors > tensors; round++) {
        collectGarbage();
        await nextTurn();
      }
      const { tensors: left } = torch.memory();
      if (left > tensors) problem ??= `left ${left - tensors} tensors`;
      tensors = left;
    }
    say({ reader: name, seed, isAccepted, seconds, ...(problem && { target, problem }) });
    writeFileSync(join(folder, target), original);
  }
}

const jobs = JSON.parse(process.argv[2] ?? "[]") as readonly FuzzJob[];
process.removeAllListeners("warning");
process.on("warning", () => {});
const root = mkdtempSync(join(tmpdir(), "pixart-fuzz-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
for (const job of jobs) {
  const reader = readers.find(({ name }) => name === job.reader);
  if (reader === undefined) throw new Error(`Expected a reader's name but received ${job.reader}`);
  say({ reader: job.reader });
  await work(reader, job, join(root, job.reader));
}
