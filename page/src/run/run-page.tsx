import "./run.css";
import "./samples/samples.css";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { useRoute } from "preact-iso";
import { Problem } from "../parts/problem.tsx";
import { useTitle } from "../shell/use-title.ts";
import { percentText } from "../words/numbers.ts";
import { CheckpointsSection } from "./folds/checkpoints-section.tsx";
import { ConfigSection } from "./folds/config-section.tsx";
import { LogSection } from "./folds/log-section.tsx";
import { TimeSection } from "./folds/time-section.tsx";
import { WorstSection } from "./folds/worst-section.tsx";
import { LossSection } from "./loss/loss-section.tsx";
import { RunHead } from "./run-head.tsx";
import { RunStore } from "./run-store.ts";
import { SamplesSection } from "./samples/samples-section.tsx";

/** One run: whether it learns, what it draws, and everything else known about it. */
export function RunPage(): JSX.Element {
  const { params } = useRoute();
  const { id = "latest" } = params;
  const store = useMemo(() => new RunStore(id), [id]);
  useEffect(() => () => store.close(), [store]);
  const { value: details } = store.details;
  const stage = details?.stage;
  useTitle(
    details === undefined
      ? "Run"
      : `${stage == null ? "" : `${percentText(stage.step, stage.steps)} `}${details.name}`,
  );
  if (details === undefined) {
    return <Problem message={store.problem.value} onRetry={() => store.reload()} />;
  }
  return (
    <>
      <RunHead store={store} details={details} />
      <Problem message={store.problem.value} onRetry={() => store.reload()} />
      <LossSection store={store} />
      <SamplesSection store={store} />
      <div class="folds">
        <WorstSection store={store} />
        <CheckpointsSection details={details} />
        <LogSection details={details} />
        <ConfigSection details={details} />
        <TimeSection details={details} />
      </div>
    </>
  );
}
