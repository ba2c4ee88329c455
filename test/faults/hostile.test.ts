import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { Outcome } from "./hostile-child.ts";
import { type HostileCase, hostileCases } from "./hostile-corpus.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a case may take; the engine and the model are loaded by a case before the first. */
const MOST = { ms: 2000, megabytes: 500 };
/** A case that says nothing for so long hangs, even on a machine that others use. */
const HANGS_MS = 40_000;

const child = fileURLToPath(new URL("hostile-child.ts", import.meta.url));

/** Runs cases from one on in a process of their own, until one hangs; says how they went. */
function run(file: string, from: number): Promise<Outcome[]> {
  const args = ["--expose-gc", "--import", "tsx", child, file, `${from}`];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const outcomes: Outcome[] = [];
  return new Promise((resolve) => {
    const hang = (): NodeJS.Timeout => setTimeout(() => running.kill("SIGKILL"), HANGS_MS);
    let timer = hang();
    createInterface({ input: running.stdout }).on("line", (line) => {
      clearTimeout(timer);
      timer = hang();
      outcomes.push(JSON.parse(line) as Outcome);
    });
    running.on("close", () => {
      clearTimeout(timer);
      resolve(outcomes);
    });
  });
}

/** How all cases went; undefined for those that hang or end the process. */
async function runAll(cases: readonly HostileCase[]): Promise<(Outcome | undefined)[]> {
  const file = join(folder, "cases.json");
  writeFileSync(file, JSON.stringify(cases));
  const outcomes: (Outcome | undefined)[] = [];
  while (outcomes.length < cases.length) {
    outcomes.push(...(await run(file, outcomes.length)));
    if (outcomes.length < cases.length) outcomes.push(undefined);
  }
  return outcomes;
}

describe("what strangers make", async () => {
  const warm = { name: "warm", says: "done" } as const;
  const model = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
  const first = ["sample", model, "a fox", "--steps", "1", "--out", join(folder, "warm")];
  const cases = [{ ...warm, args: first }, ...(await hostileCases(folder))];
  const outcomes = await runAll(cases);

  it("has more than sixty kinds", () => {
    expect(cases.length).toBeGreaterThan(60);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it.each(cases.slice(1).map((each, i) => [each.name, each, outcomes[i + 1]] as const))(
    "is met within bounds: %s",
    (_, { says }, outcome) => {
      if (outcome === undefined) throw new Error("It hangs, or ends the process");
      if (says === "done") expect(outcome.error).toBeUndefined();
      else expect(outcome.error).toMatch(says);
      expect(outcome.error ?? "").not.toMatch(
        /Maximum call stack|Cannot (read|convert)|is not a function|RangeError|bad_alloc/,
      );
      // Either, because others may use the machine, and libtorch's threads may compute beside.
      expect(Math.min(outcome.wall, outcome.cpu)).toBeLessThan(MOST.ms);
      expect(outcome.peak).toBeLessThan(MOST.megabytes);
    },
  );
});
