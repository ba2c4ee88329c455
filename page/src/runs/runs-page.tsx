import "./runs.css";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Problem } from "../parts/problem.tsx";
import { useTitle } from "../shell/use-title.ts";
import { manyText } from "../words/numbers.ts";
import { NoRuns } from "./no-runs.tsx";
import { RunRow } from "./run-row.tsx";
import { goesOn, loadRuns, runList, runsProblem } from "./runs-store.ts";

/** A comparison has two sides. */
const SIDES = 2;

/** All runs, active ones first. Two selected runs can be compared. */
export function RunsPage(): JSX.Element {
  const ticked = useSignal<readonly string[]>([]);
  const { value: list } = runList;
  const count = list?.runs.filter(goesOn).length ?? 0;
  useTitle(count > 0 ? `${count} running` : "Runs");
  const tick = (id: string, isTicked: boolean): void => {
    const others = ticked.value.filter((one) => one !== id);
    ticked.value = isTicked ? [...others, id].slice(-SIDES) : others;
  };
  if (list === undefined) {
    return <Problem message={runsProblem.value} onRetry={() => void loadRuns()} />;
  }
  if (list.runs.length === 0) return <NoRuns roots={list.roots} />;
  const [a, b] = ticked.value;
  const ordered = [...list.runs].sort((x, y) => Number(goesOn(y)) - Number(goesOn(x)));
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        <span class="soft">{manyText(list.runs.length, "run")}</span>
        <span class="push">
          {a !== undefined && b !== undefined ? (
            <a
              class="button"
              href={`/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`}
            >
              Compare the two
            </a>
          ) : (
            <span class="soft hint">
              {a === undefined ? "Tick two to compare" : "Tick one more"}
            </span>
          )}
          <a class="button main" href="/new">
            New run
          </a>
        </span>
      </div>
      <ul class="runs">
        {ordered.map((run) => (
          <RunRow
            key={run.id}
            run={run}
            isTicked={ticked.value.includes(run.id)}
            onTick={(isTicked) => tick(run.id, isTicked)}
          />
        ))}
      </ul>
    </>
  );
}
