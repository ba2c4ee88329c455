import { realpath } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { basename } from "node:path";
import { thumbnail } from "../../images/index.ts";
import type { RunDetails } from "../api-types.ts";
import { readInside } from "../pictures/file-inside.ts";
import { LiveRun } from "../runs/live-run.ts";
import { runDetails } from "../runs/run-details.ts";
import { idOf } from "../runs/run-table.ts";
import { type ChartLine, chartSvg } from "./chart-svg.ts";
import { type ReportSheet, type ReportStage, reportPage } from "./report-page.ts";
import { pathsIn, withoutPlaces } from "./without-places.ts";

/** Number of sheets shown per stage, spread over it. */
const SHEETS = 6;
const SHEET_SIDE = 1024;
/** For all pictures together, before base64: mail accepts no more. */
const MOST_PICTURE_BYTES = 8 * 2 ** 20;
const POINTS = 600;

/**
 * A run as a single self-contained HTML page to keep or send: of paths it has only the last part, and no names of hosts. Throws if
 * the folder is not a run or can't be read.
 */
export async function runReport(folder: string): Promise<string> {
  const path = await realpath(folder);
  const run = new LiveRun({ id: idOf(path), path, name: basename(path) }, () => {});
  const { tail } = await run.history(); // throws an error that says what can't be read
  const { config } = run;
  const details = await runDetails(run, await run.line(), false);
  const stages: ReportStage[] = [];
  let left = MOST_PICTURE_BYTES;
  for (const { name } of config.stages) {
    const trace = tail.stage(name);
    const line = (key: string, title: string, kind: ChartLine["kind"]): ChartLine => {
      const { step, mean } = trace.series(key, { points: POINTS });
      return { name: title, kind, step, value: mean };
    };
    const charts = [
      chartSvg("Loss", [
        line("loss", "of steps", "step"),
        line("train", "training pictures", "train"),
        line("heldout", "held out", "heldout"),
      ]),
      chartSvg("Gradient norm", [line("gradNorm", "before clipping", "step")]),
      chartSvg("Images per second", [line("imagesPerSecond", "", "step")]),
    ].flatMap((chart) => chart ?? []);
    const sheets: ReportSheet[] = [];
    for (const event of spread(tail.eventsOf("sample").filter(({ stage }) => stage === name))) {
      const bytes = await readInside(path, event.file);
      const small = bytes && (await thumbnail(bytes, SHEET_SIDE));
      if (small === undefined || small.byteLength > left) continue;
      left -= small.byteLength;
      const url = `data:image/webp;base64,${Buffer.from(small).toString("base64")}`;
      sheets.push({ stage: name, step: event.step, url });
    }
    if (charts.length + sheets.length > 0) stages.push({ name, charts, sheets });
  }
  const facts = tail.events.flatMap((event) => ("facts" in event && event.facts) || []);
  const folders = [path, folder, process.cwd(), homedir(), ...facts.map(({ cwd }) => cwd)];
  const hosts = [hostname(), run.process?.host ?? "", ...facts.map(({ host }) => host)];
  return reportPage(reported(details, folders, hosts), stages);
}

/** Without this machine's folders and its name, and those of others that wrote the run. */
function reported(
  { name, facts, ...details }: RunDetails,
  folders: readonly string[],
  hosts: readonly string[],
): RunDetails {
  const inConfig = [...pathsIn(details.config), ...pathsIn(details.differences)];
  const told = {
    ...details,
    resumeCommand: null,
    facts: facts && { ...facts, cwd: "", argv: [], host: "" },
  };
  return { ...withoutPlaces(told, { folders: [...folders, ...inConfig], hosts }), name };
}

/** A selection from a list, including the first and the last. */
function spread<T>(all: readonly T[]): T[] {
  if (all.length <= SHEETS) return [...all];
  return Array.from({ length: SHEETS }, (_, i) =>
    all.slice(Math.round((i * (all.length - 1)) / (SHEETS - 1))),
  ).flatMap(([one]) => (one === undefined ? [] : [one]));
}
