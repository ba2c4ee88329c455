import {
  listCheckpoints,
  newestCheckpoint,
  verifyCheckpoint,
} from "../../src/training/checkpoints/checkpoint-folder.ts";
import type { FaultKind, LoggedCall } from "./file-faults.ts";
import { type Command, type Contents, type Ending, WholeRun } from "./whole-run.ts";

/** One call of one command, and what happens there. */
export interface Point {
  readonly command: Command;
  readonly kind: FaultKind;
  /** From 1. */
  readonly at: number;
}

/** What a point showed. */
export interface Outcome extends Point {
  /** The call that the fault came to. */
  readonly call: string;
  /** What broke a promise; undefined where nothing did. */
  readonly problem?: string;
  /** What the command said for people where it was refused something. */
  readonly said?: string;
  readonly seconds: number;
}

const COMMANDS: readonly Command[] = ["train", "publish"];

/** Meets a fault at any call of a whole tiny run, and asks whether the promises hold. */
export class FaultSweep {
  readonly whole: WholeRun;
  /** The calls of the unbroken run. */
  readonly calls: Readonly<Record<Command, readonly LoggedCall[]>>;
  readonly #unbroken: Readonly<Record<Command, Contents>>;

  private constructor(
    whole: WholeRun,
    calls: Record<Command, readonly LoggedCall[]>,
    unbroken: Record<Command, Contents>,
  ) {
    this.whole = whole;
    this.calls = calls;
    this.#unbroken = unbroken;
  }

  /** Does the unbroken run once in `folder`, and counts. */
  static async prepare(folder: string): Promise<FaultSweep> {
    const whole = await WholeRun.prepare(folder);
    whole.reset("train");
    const train = await whole.call("train");
    requireSuccess("The unbroken run", train);
    const trained = whole.contents();
    whole.keepFinished();
    const publish = await whole.call("publish");
    requireSuccess("Publishing the unbroken run", publish);
    return new FaultSweep(
      whole,
      { train: train.calls, publish: publish.calls },
      { train: trained, publish: whole.contents() },
    );
  }

  /** Every point of a kind, in order; torn ones are those of writes. */
  points(kind: FaultKind): Point[] {
    return COMMANDS.flatMap((command) =>
      this.calls[command]
        .filter(({ call }) => kind !== "torn" || call.includes("write"))
        .map(({ number }) => ({ command, kind, at: number })),
    );
  }

  /** Does the run anew with a fault at the point, then what a user would do, and compares with the unbroken run. */
  async judge(point: Point): Promise<Outcome> {
    const start = performance.now();
    const { command, kind } = point;
    this.whole.reset(command);
    const faulty = await this.whole.call(command, { fault: point });
    const met = faulty.calls.find(({ isFaulty }) => isFaulty);
    // What goes by the clock, events of activities, makes some calls more or fewer: the last ones may be earlier than they were.
    const last = faulty.calls.length;
    if (met === undefined && faulty.exitCode === 0 && last > 0 && last < point.at)
      return this.judge({ ...point, at: last });
    const isKill = kind === "kill" || kind === "torn";
    const problems =
      met === undefined
        ? ["the fault was never met"]
        : [
            ...(isKill ? deathProblems(faulty) : this.#refusalProblems(faulty)),
            ...(await this.#checkpointProblems(faulty)),
            ...(await this.#recoveryProblems(command, faulty, isKill || isRemoval(met))),
          ];
    return {
      ...point,
      call: met === undefined ? "" : this.#shown(met),
      ...(problems.length > 0 ? { problem: problems.join("; ") } : {}),
      ...(isKill ? {} : { said: this.#anonymous(lastLine(faulty.stderr)) }),
      seconds: Math.round((performance.now() - start) / 100) / 10,
    };
  }

  #shown({ call, path, to }: LoggedCall): string {
    return this.#anonymous(`${call} ${path}${to === "" ? "" : ` -> ${to}`}`);
  }

  #anonymous(text: string): string {
    return text.replaceAll(this.whole.work, "WORK").replace(/(?<=[-.])[0-9a-f]{8,}/g, "*");
  }

  /** A refused call ends the command with a sentence, or was no reason to end. */
  #refusalProblems({ exitCode, signal, stderr }: Ending): string[] {
    if (signal !== null) return [`ended by ${signal}: ${lastLine(stderr)}`];
    if (exitCode === 0) return [];
    const problems: string[] = [];
    if (/^\s+at /m.test(stderr)) problems.push("printed a stack");
    const sentence = lastLine(stderr);
    if (!sentence.startsWith("pixart: ")) problems.push(`ended without a sentence: ${sentence}`);
    else if (!sentence.includes(this.whole.work)) problems.push(`named no path: ${sentence}`);
    return problems;
  }

  /** Every checkpoint that was in place before the fault, or one after it, is whole. */
  async #checkpointProblems({ calls }: Ending): Promise<string[]> {
    const { checkpoints } = this.whole;
    const placed = calls
      .filter(({ call, isFaulty }) => call === "rename" && !isFaulty)
      .flatMap(({ to }) => /\/checkpoints\/captions\/step-(\d{8})$/.exec(to)?.[1] ?? []);
    if (placed.length === 0) return [];
    const last = Number(placed.at(-1));
    try {
      const newest = await newestCheckpoint(checkpoints, () => {});
      for (const { path } of await listCheckpoints(checkpoints)) await verifyCheckpoint(path);
      if (newest !== undefined && newest.step >= last) return [];
      return [`step ${last} was saved, but the newest checkpoint is of step ${newest?.step}`];
    } catch (error) {
      return [`a checkpoint is damaged: ${String(error)}`];
    }
  }

  /**
   * Going on, or beginning anew where nothing was begun, ends with what the unbroken run has. What a training could not remove the
   * next start removes. A publication that was cut off, or could not remove it, leaves its hidden folder: who calls next can't
   * know that nobody writes there.
   */
  async #recoveryProblems(
    command: Command,
    { exitCode }: Ending,
    mayLeave: boolean,
  ): Promise<string[]> {
    const { whole } = this;
    const isDone = exitCode === 0 && !(command === "train" && mayLeave);
    if (!isDone && !(command === "publish" && whole.isPublished)) {
      const again = await whole.call(command, { resume: command === "train" && whole.isBegun });
      if (again.exitCode !== 0)
        return [`could not go on (${again.exitCode}): ${lastLine(again.stderr)}`];
    }
    const found = [...whole.contents()].filter(
      ([name]) => !(mayLeave && command === "publish" && name.startsWith(".tmp-published-")),
    );
    return differences(this.#unbroken[command], new Map(found));
  }
}

function requireSuccess(what: string, { exitCode, stderr }: Ending): void {
  if (exitCode !== 0) throw new Error(`${what} ended with ${exitCode}: ${stderr}`);
}

const isRemoval = ({ call }: LoggedCall): boolean => call === "rmdir" || call === "unlink";

const deathProblems = ({ signal, exitCode }: Ending): string[] =>
  signal === "SIGKILL" ? [] : [`was not killed: ended with ${signal ?? exitCode}`];

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

function differences(expected: Contents, found: Contents): string[] {
  const names = (list: string[]): string =>
    `${list.slice(0, 4).join(", ")}${list.length > 4 ? ` and ${list.length - 4} more` : ""}`;
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  const left = [...found.keys()].filter((name) => !expected.has(name));
  const other = [...expected].flatMap(([name, digest]) =>
    found.has(name) && found.get(name) !== digest ? [name] : [],
  );
  return [
    ...(missing.length > 0 ? [`missing: ${names(missing)}`] : []),
    ...(other.length > 0 ? [`different: ${names(other)}`] : []),
    ...(left.length > 0 ? [`left over: ${names(left)}`] : []),
  ];
}
