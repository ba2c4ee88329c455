import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEvent } from "../../src/training/run-folder/events.ts";
import { CONTAINER, isolates, MACHINE } from "../fixtures/namespaces.ts";
import { hasMade, trainCommand, writeTinyRun } from "../fixtures/tiny-run.ts";

// Runs are started on one folder from several containers and machines, as far as namespaces make them: PIXART_ALL_FAULTS=1
// starts more of them, and waits the minute until the run of one that was killed is taken over.
const ALL = process.env.PIXART_ALL_FAULTS === "1";
const STARTS = ALL ? 20 : 3;
const folder = mkdtempSync(join(tmpdir(), "pixart-isolated-"));
const run = join(folder, "run");
const started = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, maxRetries: 3 });
});

const PLACES = [[], CONTAINER, MACHINE];

let configFile: string;
beforeAll(async () => {
  configFile = await writeTinyRun(folder);
});

function start(place: number, resume: boolean): ChildProcess {
  const command = trainCommand({ configFile, run, steps: 100_000, resume });
  const [program = "", ...args] = [...(PLACES[place % PLACES.length] ?? []), ...command];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  started.add(child);
  return child;
}

async function wordsOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  await once(child, "close");
  return said;
}

/** Steps in the order in which they were written. */
const steps = (): number[] =>
  readFileSync(join(run, "events.jsonl"), "utf8")
    .split("\n")
    .flatMap((line) => {
      const event = parseEvent(line);
      return event?.type === "step" ? [event.step] : [];
    });
const resumes = (): number =>
  readFileSync(join(run, "events.jsonl"), "utf8").split('"type":"resume"').length - 1;

describe.skipIf(!isolates)("one run folder (needs unshare, as root)", () => {
  let writer: ChildProcess;

  it(
    `has one writer, however ${STARTS} others in containers and on machines try`,
    async () => {
      writer = start(1, false);
      writer.stderr?.resume();
      expect(await hasMade(writer, run, 3)).toBe(true);
      for (let first = 0; first < STARTS; first += 4) {
        const many = Array.from({ length: Math.min(4, STARTS - first) }, (_, i) =>
          wordsOf(start(first + i, true)),
        );
        for (const said of await Promise.all(many))
          expect(said).toMatch(/pixart: The run in .* is being written by process \d+ on /);
      }
      expect(writer.exitCode).toBeNull();
      expect(resumes()).toBe(0);
      const made = steps();
      expect(made).toEqual(made.map((_, i) => i + 1));
    },
    60_000 + STARTS * 20_000,
  );

  it.runIf(ALL)(
    `is taken over by one of ${STARTS} when that was killed`,
    async () => {
      writer.kill("SIGKILL");
      await once(writer, "close");
      const children = Array.from({ length: STARTS }, (_, i) => start(i, true));
      const ends = children.map((child) => wordsOf(child));
      const isOpen = ({ exitCode }: ChildProcess): boolean => exitCode === null;
      while (children.filter(isOpen).length > 1)
        await new Promise((later) => setTimeout(later, 200));
      const [winner] = children.filter(isOpen);
      expect(winner).toBeDefined();
      if (winner === undefined) return;
      expect(await hasMade(winner, run, 5)).toBe(true);
      expect(resumes()).toBe(1);
      const all = steps();
      const begun = all.findLastIndex((step, i) => i > 0 && step !== (all[i - 1] ?? 0) + 1);
      const since = all.slice(begun);
      expect(since).toEqual(since.map((_, i) => (since[0] ?? 0) + i));
      winner.kill("SIGKILL");
      for (const said of await Promise.all(ends.filter((_, i) => children[i] !== winner)))
        expect(said).toMatch(/pixart: The run in .* is being written by process \d+ on /);
    },
    900_000,
  );

  it.runIf(ALL)(
    "is left with one sentence by a writer that was suspended until another had taken over",
    async () => {
      const suspended = start(1, true);
      const said = wordsOf(suspended);
      expect(await hasMade(suspended, run, 3)).toBe(true);
      const [inner] = execFileSync("pgrep", ["-P", String(suspended.pid)], {
        encoding: "utf8",
      }).split("\n");
      process.kill(Number(inner), "SIGSTOP");
      const next = start(0, true);
      next.stderr?.resume();
      expect(await hasMade(next, run, 3)).toBe(true);
      process.kill(Number(inner), "SIGCONT");
      expect(await said).toMatch(
        /^pixart: The run in .* was taken over by process \d+ on .* at .*, after this one had shown no sign of life; nothing more is written$/m,
      );
      expect(suspended.exitCode).toBe(77);
      expect(next.exitCode).toBeNull();
      const all = steps();
      const since = all.slice(
        all.findLastIndex((step, i) => i > 0 && step !== (all[i - 1] ?? 0) + 1),
      );
      expect(since).toEqual(since.map((_, i) => (since[0] ?? 0) + i));
      next.kill("SIGKILL");
      await once(next, "close");
    },
    900_000,
  );
});
