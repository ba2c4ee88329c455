import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultSweep, type Outcome } from "./fault-sweep.ts";
import type { FaultKind } from "./file-faults.ts";
import { Journal } from "./journal.ts";
import type { Report, Shard } from "./sections.ts";

/** Meets a fault of one kind at every call of a whole tiny run; points that a call before has judged are not judged again. */
export async function sweep(kind: FaultKind, folder: string, shard: Shard): Promise<Report> {
  const temporary = mkdtempSync(join(tmpdir(), "pixart-sweep-"));
  try {
    const whole = await FaultSweep.prepare(temporary);
    const points = whole.points(kind).filter((_, i) => i % shard.count === shard.index - 1);
    const journal = new Journal<Outcome>(join(folder, `${shard.index}-of-${shard.count}.jsonl`));
    const key = (point: { command: string; at: number }): string => `${point.command} ${point.at}`;
    const known = new Map(journal.entries.map((outcome) => [key(outcome), outcome]));
    for (const point of points) {
      if (known.has(key(point))) continue;
      const outcome = await whole.judge(point);
      known.set(key(point), outcome);
      journal.append(outcome);
      if (outcome.problem !== undefined) console.log(JSON.stringify(outcome));
    }
    const outcomes = points.flatMap((point) => known.get(key(point)) ?? []);
    const { train, publish } = whole.calls;
    return {
      tried: [
        `${kind} at ${outcomes.length} of the ${train.length} calls of training and ${publish.length} of publishing`,
      ],
      failures: outcomes.flatMap(({ command, at, call, problem }) =>
        problem === undefined ? [] : [`${command} ${at} (${call}): ${problem}`],
      ),
    };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
