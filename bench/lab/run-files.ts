import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Measured, MeasuredAtEnd } from "./measured.ts";

/** A point of a run's curve. */
export interface Point extends Measured {
  readonly stage: string;
  readonly step: number;
  /** Counted from the run's beginning. */
  readonly tflop: number;
}

/** What came of a run. */
export interface RunResult extends MeasuredAtEnd {
  readonly design: string;
  readonly seed: number;
  readonly what: string;
  /** Counted, in all. */
  readonly tflop: number;
  readonly stages: readonly {
    readonly name: string;
    readonly steps: number;
    readonly pictures: number;
    /** Counted, of a step. */
    readonly gflop: number;
  }[];
  /** Of the transformer as it ends. */
  readonly weights: number;
  /** Oldest first; none of a stage that learns classes, which knows no captions. */
  readonly points: readonly Point[];
  /** In steps up to each point, by the clock. */
  readonly seconds: readonly number[];
  /** In training, of all threads. */
  readonly cpuSeconds: number;
  /** Of the pictures in its strip. */
  readonly prompts: readonly string[];
  /** SHA-256 of the transformer's averaged weights as it ends. */
  readonly hash: string;
  readonly machine: string;
  readonly date: string;
}

/** A part of the training that one process did. */
export interface Session {
  readonly steps: number;
  readonly cpuSeconds: number;
}

const linesOf = <T>(path: string): T[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line.endsWith("}")) // a killed process may have left half a line
        .map((line) => JSON.parse(line) as T)
    : [];

/** The files of one run in a lab's folder. */
export class RunFiles {
  readonly folder: string;

  constructor(lab: string, design: string, seed: number) {
    this.folder = join(lab, "runs", `${design}-${seed}`);
  }

  /** The product's run folder. */
  get run(): string {
    return join(this.folder, "run");
  }

  get #points(): string {
    return join(this.folder, "points.jsonl");
  }

  get #sessions(): string {
    return join(this.folder, "sessions.jsonl");
  }

  get #result(): string {
    return join(this.folder, "result.json");
  }

  /** Of drawn pictures. */
  get strip(): string {
    return join(this.folder, "strip.png");
  }

  /** Of the real ones in their place. */
  get real(): string {
    return join(this.folder, "real.png");
  }

  get points(): Point[] {
    return linesOf(this.#points);
  }

  addPoint(point: Point): void {
    appendFileSync(this.#points, `\n${JSON.stringify(point)}\n`);
  }

  get sessions(): Session[] {
    return linesOf(this.#sessions);
  }

  addSession(session: Session): void {
    appendFileSync(this.#sessions, `\n${JSON.stringify(session)}\n`);
  }

  /** Undefined where the run is not done. */
  get result(): RunResult | undefined {
    return existsSync(this.#result) ? JSON.parse(readFileSync(this.#result, "utf8")) : undefined;
  }

  finish(result: RunResult): void {
    const unfinished = `${this.#result}.part`;
    writeFileSync(unfinished, `${JSON.stringify(result, null, 1)}\n`);
    renameSync(unfinished, this.#result);
  }
}
