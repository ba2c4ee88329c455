import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestCheckpoint } from "../../src/training/checkpoints/checkpoint-folder.ts";
import { StageBatches } from "../../src/training/loop/stage-batches.ts";
import { lineStage } from "../fixtures/line-stage.ts";
import { LineTask } from "../fixtures/line-task.ts";
import {
  checkpointsOf,
  EVERY,
  finalFiles,
  hasMade,
  lastStep,
  losses,
  startRun,
  writeTinyRun,
} from "../fixtures/tiny-run.ts";
import { tries } from "../reliability/counts.ts";

// Ranks are killed, stopped and asked to leave, again and again.
const REQUESTS = tries(10, 50);
const KILLS = tries(5, 34);
const STOPS = tries(1, 6);
const TIMEOUT = tries(900_000, 7_200_000);
const folder = mkdtempSync(join(tmpdir(), "pixart-processes-"));
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

let configFile: string;
beforeAll(async () => {
  configFile = await writeTinyRun(folder);
});

const gpus = (count: number, restarts = 0): string[] => [
  ...["--gpus", `${count}`, "--launcher", "pytorch"],
  ...(restarts > 0 ? ["--max-restarts", `${restarts}`] : []),
];

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has ended meanwhile
  }
};

/** The processes of a launcher, by rank. */
function ranksOf({ pid }: ChildProcess): Map<number, number> {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean);
  return new Map(
    children.flatMap((child): [number, number][] => {
      const rank = /(?:^|\0)RANK=(\d+)/.exec(read(`/proc/${child}/environ`))?.[1];
      return rank === undefined ? [] : [[Number(rank), Number(child)]];
    }),
  );
}

const lives = (pid: number): boolean => /^State:\s+[^ZX]/m.test(read(`/proc/${pid}/status`));

/** Milliseconds until none of the processes lives. */
async function gone(pids: Iterable<number>, within: number): Promise<number> {
  const start = Date.now();
  const left = [...pids];
  while (left.some(lives) && Date.now() - start < within) await sleep(50);
  return Date.now() - start;
}

/** What a launcher has said so far. */
function listening(child: ChildProcess): () => string {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  return () => said;
}

async function straight(name: string, steps: number, flags: readonly string[]): Promise<string> {
  const run = join(folder, name);
  const [code] = (await once(startRun({ configFile, run, steps, flags }), "close")) as [number];
  expect(code).toBe(0);
  return run;
}

describe.runIf(process.platform === "linux")("two processes that are asked to stop", () => {
  const steps = REQUESTS * 15;

  it(
    `save together ${REQUESTS} times, tell why by the exit code, and end as the unbroken run`,
    async () => {
      const unbroken = await straight("asked-straight", steps, gpus(2));
      const run = join(folder, "asked");
      const signals = ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2"] as const;
      for (let request = 0; request < REQUESTS; request++) {
        const child = startRun({ configFile, run, steps, resume: request > 0, flags: gpus(2) });
        const closed = once(child, "close");
        expect(await hasMade(child, run, 3), `life ${request} ended early`).toBe(true);
        await sleep(Math.random() * 50);
        const ranks = ranksOf(child);
        expect(ranks.size).toBe(2);
        const signal = signals[request % signals.length] ?? "SIGTERM";
        // Every fourth reaches one rank alone, as an administrator may send it.
        const alone = request % 4 === 3;
        if (alone) process.kill(ranks.get(request % 2) ?? 0, signal);
        else child.kill(signal);
        const asked = Date.now();
        const [code] = (await closed) as [number];
        expect(code).toBe(signal === "SIGINT" ? 130 : 75);
        expect(Date.now() - asked).toBeLessThan(30_000);
        expect([...ranks.values()].filter(lives)).toEqual([]);
        const newest = await newestCheckpoint(checkpointsOf(run), () => {});
        expect(newest?.step).toBe(lastStep(run));
      }
      const last = startRun({ configFile, run, steps, resume: true, flags: gpus(2) });
      expect((await once(last, "close"))[0]).toBe(0);
      expect(losses(run)).toEqual(losses(unbroken));
      expect(finalFiles(run, steps)).toEqual(finalFiles(unbroken, steps));
    },
    TIMEOUT,
  );
});

describe.runIf(process.platform === "linux")("four processes, of which one dies or stops", () => {
  const steps = (KILLS + STOPS + 1) * 25;

  it(
    `are ended and started again ${KILLS + STOPS} times, each time naming the rank, and end as the unbroken run`,
    async () => {
      const unbroken = await straight("killed-straight", steps, gpus(4));
      const run = join(folder, "killed");
      const child = startRun({ configFile, run, steps, flags: gpus(4, KILLS + STOPS) }, "pipe");
      const closed = once(child, "close");
      const said = listening(child);
      for (let fault = 0; fault < KILLS + STOPS; fault++) {
        expect(await hasMade(child, run, EVERY + 2), `${said()}\nended early`).toBe(true);
        await sleep(Math.random() * 50);
        const ranks = ranksOf(child);
        expect(ranks.size).toBe(4);
        const victim = fault % 4;
        const pid = ranks.get(victim) ?? 0;
        const before = said().length;
        const isStop = fault >= KILLS;
        process.kill(pid, isStop ? "SIGSTOP" : "SIGKILL");
        // Found by its silence within 30 s where it only stopped, and the others within 15 s of that.
        const took = await gone(ranks.values(), isStop ? 45_000 : 15_000);
        expect(took).toBeLessThan(isStop ? 45_000 : 15_000);
        while (!said().includes("Starting all processes again", before)) await sleep(20);
        const report = said().slice(before);
        expect(report).toContain(`Rank ${victim} (process ${pid})`);
        expect(report).toContain(isStop ? "is stopped (SIGSTOP)" : "was ended by SIGKILL");
        expect(report).toContain("Its last lines:");
      }
      const [code] = (await closed) as [number];
      expect(code, said()).toBe(0);
      expect(lastLosses(run)).toEqual(lastLosses(unbroken));
      expect(finalFiles(run, steps)).toEqual(finalFiles(unbroken, steps));
    },
    TIMEOUT,
  );
});

describe.runIf(process.platform === "linux")("two processes whose launcher is killed", () => {
  it("end too, within 15 s", async () => {
    const run = join(folder, "orphans");
    const child = startRun({ configFile, run, steps: 100_000, flags: gpus(2) }, "pipe");
    expect(await hasMade(child, run, 3)).toBe(true);
    const ranks = [...ranksOf(child).values()];
    expect(ranks).toHaveLength(2);
    child.kill("SIGKILL");
    expect(await gone(ranks, 15_000)).toBeLessThan(15_000);
  });
});

/** Each step's report, the last one where a step was done again. */
const lastLosses = (run: string): unknown =>
  [...new Map((losses(run) as [number, ...unknown[]][]).map((row) => [row[0], row]))].sort(
    ([a], [b]) => a - b,
  );

describe("a run that goes on with other numbers of processes", () => {
  const sizes = [1, 2, 4, 1];

  it("shows each of 10,000 pictures once in an epoch", async () => {
    const [count, passes, batchSize] = [10_000, 4, 25];
    const stage = lineStage({ batchSize, steps: count / (passes * batchSize) });
    const counted = new LineTask(undefined, { train: count, heldout: 0 });
    const seen: number[] = [];
    for (const [part, size] of sizes.entries()) {
      const each = stage.steps / sizes.length;
      for (let rank = 0; rank < size; rank++) {
        const share = { passes, first: rank, stride: size };
        const batches = new StageBatches(7, stage, counted, share);
        for (let step = part * each; step < (part + 1) * each; step++)
          for (const pass of batches.own()) seen.push(...(await batches.take(step, pass)).ids);
      }
    }
    counted.dispose();
    expect(seen).toHaveLength(count);
    expect(new Set(seen).size).toBe(count);
  });

  it(
    "loses what it would have lost with the number it began with",
    async () => {
      const steps = 80;
      const unbroken = await straight("sizes-straight", steps, gpus(4));
      const run = join(folder, "sizes");
      for (const [part, size] of sizes.entries()) {
        const flags = [...(size > 1 ? gpus(size) : []), "--cfg-options", "processes=4"];
        const child = startRun({ configFile, run, steps, resume: part > 0, flags });
        const closed = once(child, "close");
        const isLast = part === sizes.length - 1;
        if (!isLast) {
          expect(await hasMade(child, run, 10)).toBe(true);
          child.kill("SIGTERM");
        }
        expect((await closed)[0]).toBe(isLast ? 0 : 75);
      }
      const [mine, theirs] = [losses(run), losses(unbroken)] as [number, number][][];
      expect(mine?.map(([step]) => step)).toEqual(theirs?.map(([step]) => step));
      for (const [i, [step, loss]] of (theirs ?? []).entries())
        expect(Math.abs((mine?.[i]?.[1] ?? Number.NaN) / loss - 1), `${step}`).toBeLessThan(1e-5);
    },
    TIMEOUT,
  );
});

describe.runIf(process.platform === "linux")("the sockets of a run on one machine", () => {
  it("are all of loopback", async () => {
    const run = join(folder, "sockets");
    const child = startRun({ configFile, run, steps: 100_000, flags: gpus(2) });
    const closed = once(child, "close");
    expect(await hasMade(child, run, 3)).toBe(true);
    const addresses = [child.pid ?? 0, ...ranksOf(child).values()].flatMap(socketsOf);
    child.kill("SIGTERM");
    await closed;
    // The store's server and Gloo's two listeners at least.
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect(address).toMatch(/^(127\.|::1$)/);
  });
});

/** Local addresses of a process's TCP sockets. */
function socketsOf(pid: number): string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    read(`/proc/${pid}/net/${table}`)
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => own.has(columns[9] ?? ""))
      .map((columns) => addressOf(columns[1] ?? "")),
  );
}

/** `0100007F:1F90` → `127.0.0.1`; words are in the machine's byte order. */
function addressOf(text: string): string {
  const bytes = Buffer.from(text.split(":")[0] ?? "", "hex");
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse();
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.subarray(0, 12).toString("hex") === "00000000000000000000ffff";
  if (isMapped) return bytes.subarray(12).join(".");
  return bytes.toString("hex") === `${"0".repeat(31)}1` ? "::1" : bytes.toString("hex");
}
