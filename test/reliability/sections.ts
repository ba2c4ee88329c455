import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FaultKind } from "./file-faults.ts";
import { fuzzAll } from "./run-fuzz.ts";
import { callSanitized } from "./run-native.ts";
import { sweep } from "./run-sweep.ts";

/** What a section tried, and what broke a promise. */
export interface Report {
  readonly tried: readonly string[];
  readonly failures: readonly string[];
}

/** Every n-th of many points, from the i-th (1 to n). */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** A job of the reliability tests. */
export interface Section {
  readonly name: string;
  /** About how long it takes on two cores that nothing else uses. */
  readonly minutes: number;
  /** Whether it has points that shards share out, and that are kept when it is cut off. */
  readonly isSharded?: boolean;
  run(folder: string, shard: Shard): Promise<Report>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs test files at full counts; `only` is a part of the tests' titles. */
const vitest =
  (files: readonly string[], only?: string) =>
  async (folder: string): Promise<Report> => {
    const output = join(folder, "vitest.json");
    rmSync(output, { force: true });
    const filter = only === undefined ? [] : ["-t", only];
    const args = [
      "vitest",
      "run",
      ...files,
      ...filter,
      "--reporter=json",
      `--outputFile=${output}`,
    ];
    const env = { ...process.env, PIXART_ALL_FAULTS: "1" };
    const child = spawn("npx", args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"], env });
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    const { testResults } = JSON.parse(readFileSync(output, "utf8")) as {
      testResults: {
        message: string;
        assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
      }[];
    };
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status === "failed");
    const broken = testResults
      .filter(({ message }) => message !== "")
      .map(({ message }) => message);
    const tried = tests.filter(({ status }) => status === "passed").map(({ fullName }) => fullName);
    const failures = [
      ...failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0] ?? ""}`),
      ...broken,
    ];
    // A title that was changed selects no test, and what a machine can't do is left out.
    if (tried.length + failures.length === 0) failures.push("no test was run");
    if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code}`);
    return { tried, failures };
  };

const KINDS: readonly FaultKind[] = ["kill", "torn", "ENOSPC", "EDQUOT", "EIO"];

/** The cheap ones first. */
export const sections: readonly Section[] = [
  {
    name: "flips",
    minutes: 1,
    run: vitest(["test/faults/checkpoint-damage.test.ts"], "random bits flipped"),
  },
  {
    name: "pickles",
    minutes: 1,
    run: vitest(["test/faults/hostile-pickles.test.ts"], "damaged copies"),
  },
  {
    name: "pictures",
    minutes: 3,
    run: vitest(["src/images/rgb-image.test.ts"], "mutated files of four formats"),
  },
  {
    name: "safetensors",
    minutes: 15,
    run: vitest(["test/faults/safetensors.test.ts"], "hostile files"),
  },
  { name: "saves", minutes: 20, run: vitest(["test/faults/checkpoint-crash.test.ts"]) },
  { name: "resume", minutes: 3, run: vitest(["test/faults/resume-every-step.test.ts"]) },
  { name: "native", minutes: 30, run: callSanitized },
  { name: "memory", minutes: 20, run: vitest(["test/memory/long-run.test.ts"]) },
  {
    name: "requests",
    minutes: 10,
    run: vitest(["test/faults/training-kills.test.ts"], "asked to stop"),
  },
  { name: "processes", minutes: 40, run: vitest(["test/faults/processes.test.ts"]) },
  { name: "kills", minutes: 30, run: vitest(["test/faults/training-kills.test.ts"], "SIGKILLs") },
  { name: "fuzz", minutes: 60, isSharded: true, run: fuzzAll },
  ...KINDS.map(
    (kind): Section => ({
      name: `sweep-${kind}`,
      minutes: 80,
      isSharded: true,
      run: (folder, shard) => sweep(kind, folder, shard),
    }),
  ),
];

/** A section's folder below `build/`, for what it keeps between calls. */
export function sectionFolder(name: string): string {
  const folder = join(ROOT, "build", "reliability", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
