import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isRunFolder, type RunSummary, summarizeRun } from "../training/run-summary.ts";
import { table } from "./table.ts";
import { say } from "./talk.ts";

/** Options of `pixart runs list`. */
export interface RunsListOptions {
  readonly json?: boolean;
}

/** A loss with four digits; a dash where there is none. */
export const lossText = (loss: number | null | undefined): string =>
  loss === null || loss === undefined ? "-" : loss.toPrecision(4);

/** A number with three digits; a dash where there is none. */
export const speedText = (speed: number | null): string =>
  speed === null ? "-" : String(Number(speed.toPrecision(3)));

/** `pixart runs list [FOLDER]`: the runs in a folder, newest first. */
export async function runsList(folder: string, { json }: RunsListOptions): Promise<void> {
  if (!existsSync(folder)) {
    throw new Error(
      `Expected a folder of runs for FOLDER but received ${folder}, which is not there`,
    );
  }
  const runs = readdirSync(folder, { withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isRunFolder)
    .map(summarizeRun)
    .sort((a, b) => (b.begun ?? "").localeCompare(a.begun ?? ""));
  if (json) process.stdout.write(`${JSON.stringify(runs)}\n`);
  else if (runs.length === 0) say(`No runs in ${folder}`);
  else process.stdout.write(`${describeRuns(runs).join("\n")}\n`);
}

/** One line a run: where it stands, in the stage that was worked on last. */
function describeRuns(runs: readonly RunSummary[]): string[] {
  const head = ["run", "state", "stage", "step", "loss", "held out", "lowest", "images/s", "begun"];
  const rows = runs.map(({ path, state, begun, stages }) => {
    const stage = stages.findLast(({ step }) => step > 0) ?? stages[0];
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
      begun?.slice(0, 16).replace("T", " ") ?? "-",
    ];
  });
  return table([head, ...rows]);
}
