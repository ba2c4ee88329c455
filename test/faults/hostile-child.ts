// Runs the commands of a JSON file of hostile cases one after another in one process, and tells how each went.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { createProgram } from "../../src/cli/program.ts";
import type { HostileCase } from "./hostile-corpus.ts";

/** How a case went. */
export interface Outcome {
  readonly name: string;
  /** Undefined where the command did its work. */
  readonly error: string | undefined;
  /** Milliseconds that passed, and that all threads computed. */
  readonly wall: number;
  readonly cpu: number;
  /** The most memory of the process meanwhile, in MB. */
  readonly peak: number;
}

const peakMemory = (): number => {
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kilobytes) / 1000;
};

// What commands write is not looked at: outcomes have the pipe to themselves.
for (const stream of [process.stdout, process.stderr]) stream.write = () => true;

const [file = "", from = "0"] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(file, "utf8")) as readonly HostileCase[];
process.removeAllListeners("warning");
process.on("warning", () => {});
for (const { name, args } of cases.slice(Number(from))) {
  writeFileSync("/proc/self/clear_refs", "5"); // the highest mark is what is taken now
  const start = performance.now();
  const before = process.cpuUsage();
  let error: string | undefined;
  try {
    await createProgram().parseAsync([...args], { from: "user" });
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  const { user, system } = process.cpuUsage(before);
  const outcome: Outcome = {
    name,
    error,
    wall: performance.now() - start,
    cpu: (user + system) / 1000,
    peak: peakMemory(),
  };
  writeSync(1, `${JSON.stringify({ ...outcome, error: error?.slice(0, 2000) })}\n`);
  globalThis.gc?.();
  await setTimeout(0);
}
process.exit(0);
