import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Seeds from `first` to before `end` that damage a reader's files. */
export interface FuzzJob {
  readonly reader: string;
  readonly first: number;
  readonly end: number;
}

/** The program that does the jobs of its first argument. */
export interface FuzzChild {
  readonly script: URL;
  readonly env?: Readonly<Record<string, string>>;
}

/** What the child says: that it prepares a reader, that it reads the file of a seed, and how that ended. */
export interface FuzzLine {
  readonly reader: string;
  readonly seed?: number;
  readonly isAccepted?: boolean;
  /** Of processor time. */
  readonly seconds?: number;
  readonly target?: string;
  readonly problem?: string;
}

/** A damaged file that broke a promise; the same seed damages the file in the same way. */
export interface FuzzFailure {
  readonly seed: number;
  readonly target?: string;
  readonly problem: string;
}

/** What a reader's files showed. */
export interface FuzzReport {
  readonly reader: string;
  readonly files: number;
  /** How many were read all the same. */
  readonly accepted: number;
  /** Most processor time for one file, in seconds. */
  readonly slowest: number;
  readonly failures: readonly FuzzFailure[];
}

/** Time without a line beyond which a process counts as hanging: the machine may do much else. */
const HANGS_AFTER = 30_000;
/** For what comes before a reader's first file. */
const PREPARES_WITHIN = 300_000;
const MOST_RSS = 2e9;

/** Lets readers read damaged files, in processes of their own; `onReport` is told of each reader when it is through. */
export async function fuzz(
  jobs: readonly FuzzJob[],
  onReport: (report: FuzzReport) => void = () => {},
  child: FuzzChild = { script: new URL("fuzz-child.ts", import.meta.url) },
): Promise<FuzzReport[]> {
  const reports: FuzzReport[] = [];
  const lines = new Map<string, FuzzLine[]>(jobs.map(({ reader }) => [reader, []]));
  const finish = (job: FuzzJob): void => {
    const report = reportOf(job, lines.get(job.reader) ?? []);
    reports.push(report);
    onReport(report);
  };
  for (let left: readonly FuzzJob[] = jobs; left.length > 0; ) {
    const [current = { reader: "", first: 0, end: 0 }] = left;
    const { at, died, stderr } = await live(child, left, (line) =>
      lines.get(line.reader)?.push(line),
    );
    if (died === undefined) {
      for (const job of left) finish(job);
      return reports;
    }
    const index = left.findIndex(({ reader }) => reader === (at?.reader ?? current.reader));
    for (const job of left.slice(0, index)) finish(job);
    const job = left[index];
    if (job === undefined || at?.seed === undefined) {
      throw new Error(`${at?.reader ?? current.reader}, intact: ${died}\n${stderr}`);
    }
    lines.get(job.reader)?.push({ reader: job.reader, seed: at.seed, problem: died });
    const rest = { ...job, first: at.seed + 1 };
    if (rest.first >= job.end) finish(job);
    left = [...(rest.first < job.end ? [rest] : []), ...left.slice(index + 1)];
  }
  return reports;
}

function reportOf({ reader }: FuzzJob, lines: readonly FuzzLine[]): FuzzReport {
  const ended = lines.filter(
    ({ seconds, problem }) => seconds !== undefined || problem !== undefined,
  );
  return {
    reader,
    files: ended.length,
    accepted: ended.filter(({ isAccepted }) => isAccepted).length,
    slowest: Math.max(0, ...ended.map(({ seconds = 0 }) => seconds)),
    failures: ended.flatMap(({ seed, target, problem }) =>
      seed === undefined || problem === undefined
        ? []
        : [{ seed, problem, ...(target !== undefined && { target }) }],
    ),
  };
}

interface Life {
  /** What it did last. */
  readonly at: FuzzLine | undefined;
  /** Why it ended before its last file. */
  readonly died: string | undefined;
  readonly stderr: string;
}

async function live(
  { script, env = {} }: FuzzChild,
  jobs: readonly FuzzJob[],
  onEnd: (line: FuzzLine) => void,
): Promise<Life> {
  const args = ["--import", "tsx", fileURLToPath(script), JSON.stringify(jobs)];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  let at: FuzzLine | undefined;
  let heard = Date.now();
  createInterface({ input: child.stdout }).on("line", (text) => {
    heard = Date.now();
    at = JSON.parse(text) as FuzzLine;
    if (at.seconds !== undefined) onEnd(at);
  });
  let killed: string | undefined;
  const watchdog = setInterval(() => {
    const limit = at?.seed === undefined ? PREPARES_WITHIN : HANGS_AFTER;
    if (Date.now() - heard > limit) killed = `no answer within ${limit / 1000} s`;
    else if (rssOf(child) > MOST_RSS) killed = "took more than 2 GB";
    if (killed !== undefined) child.kill("SIGKILL");
  }, 100);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on("close", (status, reason) => resolve([status, reason])),
  );
  clearInterval(watchdog);
  const died =
    code === 0
      ? undefined
      : (killed ?? `the process ended with ${signal ?? code}: ${reasonIn(stderr)}`);
  return { at, died, stderr };
}

/** The line of a dying process that says why, as well as can be told. */
const reasonIn = (stderr: string): string =>
  /^(==\d+==ERROR.*|\w*Error\b.*|terminate called.*)$/m.exec(stderr)?.[1] ?? stderr.slice(-200);

function rssOf({ pid }: ChildProcess): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0; // it has ended meanwhile, or there is no /proc
  }
}
