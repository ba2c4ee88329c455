/** Runs the two sides of comparisons by turns. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Run, RunningSide, Side } from "./sides.ts";

/** Python and us at the same work. */
export interface Comparison {
  readonly name: string;
  /** Left out where Python has not what it takes: ours is measured alone. */
  readonly theirs?: Side | undefined;
  readonly ours: Side;
  /** Whether a failure is told in the report, and the row goes on. */
  readonly mayFail?: boolean;
}

/** What came of a comparison: a run of each side for each round, none of Python's where ours was measured alone. */
export interface Measured {
  readonly name: string;
  readonly theirs: readonly Run[];
  readonly ours: readonly Run[];
  /** ‖ours − theirs‖ / ‖theirs‖ of the outputs. */
  readonly error?: number;
  readonly failure?: string;
}

/** How comparisons are run. */
export interface MeasureOptions {
  readonly rounds: number;
  /** For outputs that one side writes and the other reads. */
  readonly scratch: string;
}

const seconds = (runs: readonly Run[]): number[] => runs.map((run) => run.seconds);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of an odd number of values the middle one, of an even one the upper of the two. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Least seconds of a run. */
export const best = (runs: readonly Run[]): number => Math.min(...seconds(runs));

/** Python's time over ours by the best runs. */
export const bestRatio = ({ theirs, ours }: Measured): number => best(theirs) / best(ours);

/** Python's time over ours in each round, whose sides ran one after the other: the machine changes less within it. */
export const roundRatios = ({ theirs, ours }: Measured): number[] =>
  theirs.map((run, round) => run.seconds / (ours[round]?.seconds ?? Number.NaN));

/** Does the comparisons one after the other. A side that a later one has too stays started. */
export async function compareSides(
  comparisons: readonly Comparison[],
  options: MeasureOptions,
): Promise<Measured[]> {
  const running = new Map<Side, RunningSide>();
  const closeAllBut = async (kept: ReadonlySet<Side>): Promise<void> => {
    for (const [side, each] of running) {
      if (kept.has(side)) continue;
      running.delete(side);
      await each.close();
    }
  };
  const measured: Measured[] = [];
  try {
    for (const [i, comparison] of comparisons.entries()) {
      measured.push(await compare(comparison, running, options));
      const later = comparisons.slice(i + 1).flatMap(({ theirs, ours }) => [theirs, ours]);
      await closeAllBut(new Set(later.filter((side) => side !== undefined)));
    }
  } finally {
    await closeAllBut(new Set());
  }
  return measured;
}

async function compare(
  comparison: Comparison,
  running: Map<Side, RunningSide>,
  options: MeasureOptions,
): Promise<Measured> {
  const { name, mayFail = false } = comparison;
  try {
    const theirs = comparison.theirs && (await started(comparison.theirs, running));
    const ours = await started(comparison.ours, running);
    return { name, ...(await byTurns(name, theirs, ours, options)) };
  } catch (error) {
    if (!mayFail) throw error;
    const failure = error instanceof Error ? error.message : String(error);
    return { name, theirs: [], ours: [], failure };
  }
}

async function started(side: Side, running: Map<Side, RunningSide>): Promise<RunningSide> {
  const known = running.get(side);
  if (known !== undefined) return known;
  const made = await side.start();
  running.set(side, made);
  if (side.warmsUp) await made.run(0);
  return made;
}

async function byTurns(
  name: string,
  theirs: RunningSide | undefined,
  ours: RunningSide,
  { rounds, scratch }: MeasureOptions,
): Promise<Omit<Measured, "name">> {
  const runs: { theirs: Run[]; ours: Run[] } = { theirs: [], ours: [] };
  for (let turn = 1; turn <= rounds; turn++) {
    const their = await theirs?.run(turn);
    const our = await ours.run(turn);
    if (their !== undefined) runs.theirs.push(their);
    runs.ours.push(our);
    process.stderr.write(`${name}, round ${turn}: ${their?.seconds ?? ""} ${our.seconds}\n`);
  }
  if (theirs?.save === undefined || ours.errorFrom === undefined) return runs;
  const output = join(scratch, "output.safetensors");
  await theirs.save(output);
  const error = await ours.errorFrom(output);
  rmSync(output);
  return { ...runs, error };
}
