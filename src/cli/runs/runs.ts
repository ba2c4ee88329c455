import { statSync } from "node:fs";
import { expected } from "../../errors/index.ts";
import { type RunSummary, summarizeRuns } from "../../training/run-folder/run-summary.ts";
import { currentStage } from "../../training/run-folder/stage-progress.ts";
import { localTime } from "../terminal/local-time.ts";
import { table } from "../terminal/table.ts";
import { say } from "../terminal/talk.ts";

/** Options of `pixart runs list`. */
export interface RunsListOptions {
  readonly json?: boolean;
}

/** A loss with four digits; a dash if there is none. */
export const lossText = (loss: number | null | undefined): string =>
  loss === null || loss === undefined ? "-" : loss.toPrecision(4);

/** A number with three digits; a dash if there is none. */
export const speedText = (speed: number | null): string =>
  speed === null ? "-" : String(Number(speed.toPrecision(3)));

/** `pixart runs list [FOLDER]`: the runs in a folder, newest first. */
export async function runsList(folder: string, { json }: RunsListOptions): Promise<void> {
  const place = statSync(folder, { throwIfNoEntry: false });
  if (place !== undefined && !place.isDirectory())
    throw expected("a folder of runs", "FOLDER", `the file ${folder}`);
  const runs = place === undefined ? [] : await summarizeRuns(folder);
  if (json) process.stdout.write(`${JSON.stringify(runs)}\n`);
  else if (runs.length === 0) say(`No runs yet in ${folder}`);
  else process.stdout.write(`${describeRuns(runs).join("\n")}\n`);
}

/** One line a run: its progress in the stage that was trained last. Unreadable runs come last. */
function describeRuns(runs: readonly RunSummary[]): string[] {
  const readable = runs.filter(({ state }) => state !== "unreadable");
  const width = Math.max(...runs.map(({ path }) => path.length));
  return [
    ...(readable.length === 0 ? [] : describeReadable(readable, width)),
    ...runs
      .filter(({ state }) => state === "unreadable")
      .map(({ path, message }) => `${path.padEnd(width)}  unreadable: ${message}`),
  ];
}

function describeReadable(runs: readonly RunSummary[], width: number): string[] {
  const head = [
    "run".padEnd(width),
    "state",
    "stage",
    "step",
    "loss",
    "held out",
    "lowest",
    "images/s",
    "started",
  ];
  const rows = runs.map(({ path, state, begun, stages }) => {
    const stage = currentStage(stages);
    const lowest = stage?.lowestHeldout ?? null;
    return [
      path,
      state,
      stage?.stage ?? "-",
      `${stage?.step ?? 0}/${stage?.steps ?? 0}`,
      lossText(stage?.loss),
      lossText(stage?.heldout?.loss),
      lowest === null ? "-" : `${lossText(lowest.loss)} at ${lowest.step}`,
      speedText(stage?.imagesPerSecond ?? null),
      begun === null ? "-" : localTime(begun),
    ];
  });
  return table([head, ...rows]);
}
