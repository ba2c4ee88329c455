import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DiskFullError, FileWriteError } from "../../src/files/write-error.ts";
import { stepName } from "../../src/training/checkpoints/checkpoint-folder.ts";
import { tries } from "../reliability/counts.ts";
import { type DiskImage, DiskModel, writeImage } from "./disk-model.ts";
import { type FileSystemCall, interceptCalls, systemError } from "./file-system-calls.ts";
import { prepare, restart, type Scenario, save, scenarios } from "./scenario.ts";

// A release is checked with all layouts.
const KILLED = scenarios.slice(0, tries(1, scenarios.length));
const TIMEOUT = tries(300_000, 3_600_000);
const CHILDREN_AT_ONCE = 3;

const temporary = mkdtempSync(join(tmpdir(), "pixart-crash-"));
afterAll(() => rmSync(temporary, { recursive: true }));

/** A copy of a prepared folder; gives the copied root. */
function copy(root: string, suffix: string): string {
  cpSync(dirname(root), `${dirname(root)}-${suffix}`, { recursive: true });
  return join(`${dirname(root)}-${suffix}`, "checkpoints");
}

/** The disk changes of an undisturbed save, in order. */
async function callsOf(root: string, scenario: Scenario): Promise<FileSystemCall[]> {
  const calls: FileSystemCall[] = [];
  const restore = interceptCalls(dirname(root), (call, perform) => {
    calls.push(call);
    return perform();
  });
  await save(root, scenario, "newer").finally(restore);
  return calls;
}

/** The steps that a finished save leaves. */
const stepsAfter = ({ before, step, keep }: Scenario): number[] =>
  [...new Set([...before, step])].sort((a, b) => a - b).slice(-keep);

/** Nothing damaged is in sight, and either all old checkpoints are there or the new one is: says which. */
async function expectOldOrNew(root: string, scenario: Scenario): Promise<"old" | "new"> {
  const found = await restart(root, scenario);
  expect(found.warnings).toEqual([]);
  expect(found.leftovers).toEqual([]);
  const promised = found.isNew ? stepsAfter(scenario) : [...scenario.before];
  expect(found.steps).toEqual(expect.arrayContaining(promised));
  if (found.pointer !== undefined) expect(found.steps).toContain(found.pointer);
  return found.isNew ? "new" : "old";
}

/** The run can go on from there. */
async function expectGoingOn(root: string, scenario: Scenario): Promise<void> {
  await save(root, scenario, "newer");
  expect(await restart(root, scenario)).toEqual({
    newest: scenario.step,
    isNew: true,
    steps: stepsAfter(scenario),
    pointer: scenario.step,
    warnings: [],
    leftovers: [],
  });
}

describe.each(KILLED)("SIGKILL, $name", (scenario) => {
  it(
    "leaves the old or the new checkpoint at every change to the disk and inside every write",
    async () => {
      const pristine = await prepare(temporary, scenario);
      const calls = await callsOf(copy(pristine, "measured"), scenario);
      const points = calls.flatMap(({ kind }, i) =>
        (kind === "write" ? ["before", "inside"] : ["before"]).map((where) => [`${i + 1}`, where]),
      );
      const script = fileURLToPath(new URL("save-and-die.ts", import.meta.url));
      const outcomes = { old: 0, new: 0 };
      const remaining = points.values();
      const killSome = async (): Promise<void> => {
        for (const point of remaining) {
          const root = copy(pristine, point.join("-"));
          const args = ["--import", "tsx", script, root, scenario.name, ...point];
          const signal = await new Promise((resolve) => {
            execFile(process.execPath, args, (error) => resolve(error?.signal));
          });
          expect(signal, `${point}`).toBe("SIGKILL");
          outcomes[await expectOldOrNew(root, scenario)]++;
          await expectGoingOn(root, scenario);
        }
      };
      await Promise.all(Array.from({ length: CHILDREN_AT_ONCE }, killSome));
      expect(outcomes.old).toBeGreaterThan(10);
      expect(outcomes.new).toBeGreaterThan(3);
    },
    TIMEOUT,
  );
});

describe.each(scenarios)("power cut, $name", (scenario) => {
  it("leaves the old or the new checkpoint, whatever the disk kept of the last changes", async () => {
    const root = await prepare(temporary, scenario);
    const model = new DiskModel(dirname(root));
    const calls = await callsOf(root, scenario);
    const coins = fc.sample(fc.infiniteStream(fc.boolean()), { numRuns: 8, seed: 7 });
    // Many moments leave the same disk: each is judged once.
    const judged = new Map<string, "old" | "new">();
    const judge = async (image: DiskImage): Promise<"old" | "new"> => {
      const key = JSON.stringify(
        [...image].map(([path, data]) => [path, data?.toString("base64")]),
      );
      const known = judged.get(key);
      if (known !== undefined) return known;
      const target = join(temporary, randomBytes(6).toString("hex"));
      writeImage(image, target);
      const outcome = await expectOldOrNew(join(target, "checkpoints"), scenario);
      judged.set(key, outcome);
      return outcome;
    };
    for (const call of calls) {
      model.apply(call);
      await judge(model.crash(() => false));
      await judge(model.crash(() => true));
      await judge(model.crash((what) => what === "name"));
      for (const coin of coins) await judge(model.crash(() => coin.next().value === true));
    }
    // A save that has returned is on the disk.
    const last = model.crash(() => false);
    expect(await judge(last)).toBe("new");
    expect(`${last.get("checkpoints/latest")}`).toBe(`${stepName(scenario.step)}\n`);
  });
});

describe.each(scenarios)("failing disk, $name", (scenario) => {
  const failures = [
    { code: "ENOSPC", lasting: true },
    { code: "EDQUOT", lasting: true },
    { code: "EIO", lasting: false },
  ] as const;

  it.each(failures)(
    "reports $code at every change and keeps the older checkpoints",
    async (failure) => {
      const { code, lasting } = failure;
      const pristine = await prepare(temporary, scenario);
      const calls = await callsOf(copy(pristine, `measured-${code}`), scenario);
      for (let fatal = 1; fatal <= calls.length; fatal++) {
        const root = copy(pristine, `${code}-${fatal}`);
        let count = 0;
        // A full disk stays full for what takes room, and still renames and deletes.
        const takesRoom = ({ kind }: FileSystemCall): boolean =>
          kind === "create" || kind === "write" || kind === "mkdir" || kind === "sync";
        const restore = interceptCalls(dirname(root), async (call, perform) => {
          count++;
          const fails = lasting ? count >= fatal && takesRoom(call) : count === fatal;
          if (fails) throw systemError(code, call.path);
          return perform();
        });
        const warnings: string[] = [];
        const error = await save(root, scenario, "newer", (message) => warnings.push(message))
          .then(
            () => undefined,
            (reason: unknown) => reason,
          )
          .finally(restore);

        if (error !== undefined) {
          expect(error).toBeInstanceOf(lasting ? DiskFullError : FileWriteError);
          const { message } = error as Error;
          expect(message).toMatch(
            /checkpoints(\/(step-\d{8}|latest))?: expected to write \d+ bytes but found /,
          );
          expect(message).toContain(code);
          expect(message).toMatch(/\(\d+ bytes free\)$/);
          const unfinished = readdirSync(dirname(root), { recursive: true }).filter((name) =>
            `${name}`.includes(".tmp-"),
          );
          expect(unfinished).toEqual([]);
        }
        await expectOldOrNew(root, scenario);
      }
    },
  );
});
