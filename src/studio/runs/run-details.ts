import { readFileSync } from "node:fs";
import { join } from "node:path";
import { differencesOf } from "../../config/checks/config-differences.ts";
import { parseConfigJson } from "../../config/config-json.ts";
import { type ResolvedConfig, resolveConfig } from "../../config/index.ts";
import { shellWord } from "../../files/processes/shell-word.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { keptCheckpoints } from "../../training/run-folder/run-checkpoints.ts";
import { RECIPE_FILE } from "../../training/run-folder/run-files.ts";
import { readmeCommand } from "../../training/run-folder/run-readme.ts";
import type { CheckpointLine, RunDetails, RunFacts, RunLine } from "../api-types.ts";
import type { LiveRun } from "./live-run.ts";
import { marksOf } from "./marks.ts";
import { readingRun, readRun } from "./read-run.ts";
import { stageStates } from "./stage-state.ts";
import { verdict } from "./verdict.ts";

/** Everything the page shows of a run except curves and pictures. Throws an ApiError if it can't be read. */
export async function runDetails(
  run: LiveRun,
  line: RunLine,
  canControl: boolean,
): Promise<RunDetails> {
  const { path } = run.place;
  const { config, tail, time } = await readRun(run);
  const checkpoints = await readingRun(run.place, () => checkpointLines(path, config));
  return {
    ...line,
    all: stageStates(config, tail),
    verdict: verdict(line.stage ?? undefined, tail),
    checkpoints,
    marks: marksOf(tail, checkpoints),
    config: await readingRun(run.place, () => run.configText),
    differences: fromRecipe(path, config),
    plan: tail.eventsOf("plan").at(-1)?.plan ?? null,
    facts: factsOf(tail),
    time: [...time].map(([what, seconds]) => ({ what, seconds })),
    resumeCommand: resumeCommand(path),
    canControl,
  };
}

const checkpointLines = async (run: string, config: ResolvedConfig): Promise<CheckpointLine[]> =>
  (await keptCheckpoints(run, config)).map(({ path: _, mark: __, ...line }) => line);

/** Facts of the most recently started process. */
function factsOf(tail: EventTail): RunFacts | null {
  const begun = tail.events.findLast(({ type }) => type === "run-start" || type === "resume");
  return begun !== undefined && "facts" in begun ? (begun.facts ?? null) : null;
}

/** Where a run's config differs from its original recipe; empty if the recipe was not kept or is no longer a valid config. */
function fromRecipe(run: string, config: ResolvedConfig): RunDetails["differences"] {
  const file = join(run, RECIPE_FILE);
  try {
    const recipe = resolveConfig(parseConfigJson(readFileSync(file, "utf8"), file), config.name);
    const { workDir: _, ...own } = config;
    const { workDir: __, ...before } = recipe;
    return differencesOf(before, own).map(({ place, values: [from, to] }) => ({
      path: place,
      from: from ?? null,
      to: to ?? null,
    }));
  } catch {
    return [];
  }
}

/** The command in the run's README, from the folder that it names. */
export function resumeCommand(run: string): string | null {
  const found = readmeCommand(run);
  if (found === undefined) return null;
  return found.folder === process.cwd()
    ? found.command
    : `cd ${shellWord(found.folder)} && ${found.command}`;
}
