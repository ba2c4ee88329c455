import "./compare.css";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { useLocation } from "preact-iso";
import { Differences } from "../parts/differences.tsx";
import { Problem } from "../parts/problem.tsx";
import { StateChip } from "../parts/state-chip.tsx";
import { useTitle } from "../shell/use-title.ts";
import { CompareCharts } from "./compare-charts.tsx";
import { CompareSamples } from "./compare-samples.tsx";
import { CompareStore } from "./compare-store.ts";

/** Two runs: config differences, both curves on one axis, samples of the same step. */
export function ComparePage(): JSX.Element {
  const { query } = useLocation();
  const { a = "", b = "" } = query;
  const store = useMemo(() => new CompareStore(a, b), [a, b]);
  useEffect(() => () => store.close(), [store]);
  useTitle("Compare");
  const { value: comparison } = store.comparison;
  if (comparison === undefined) return <Problem message={store.problem.value} />;
  const names = uniqueNames(comparison.a.name, comparison.b.name);
  const { value: sides } = store.sides;
  return (
    <>
      <div class="page-head compare-head">
        <h1>
          <a class="side-a" href={`/runs/${encodeURIComponent(a)}`}>
            {names[0]}
          </a>{" "}
          <span class="soft">vs.</span>{" "}
          <a class="side-b" href={`/runs/${encodeURIComponent(b)}`}>
            {names[1]}
          </a>
        </h1>
        <StateChip state={comparison.a.state} />
        <StateChip state={comparison.b.state} />
      </div>
      <section class="card" aria-labelledby="differences-title">
        <div class="section-head">
          <h2 id="differences-title">What differs</h2>
        </div>
        {comparison.differences.length === 0 ? (
          <p class="soft">Their configs are the same.</p>
        ) : (
          <Differences
            from={names[0]}
            to={names[1]}
            rows={comparison.differences.map((row) => ({ path: row.path, from: row.a, to: row.b }))}
          />
        )}
      </section>
      <Problem message={store.problem.value} />
      {sides !== undefined && (
        <>
          <CompareCharts names={names} sides={sides} />
          <CompareSamples names={names} sides={sides} />
        </>
      )}
    </>
  );
}

/** Distinguishable names: runs of the same name in two folders become A and B. */
const uniqueNames = (a: string, b: string): readonly [string, string] =>
  a === b ? [`${a} (A)`, `${b} (B)`] : [a, b];
