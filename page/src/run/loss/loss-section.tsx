import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Chart } from "../../charts/chart.tsx";
import { type AxisUnit, stepAxis } from "../../charts/step-axis.ts";
import { lossText } from "../../words/numbers.ts";
import type { RunStore } from "../run-store.ts";
import { BandCharts } from "./band-charts.tsx";
import { lossLines } from "./loss-lines.ts";
import { LossOptions } from "./loss-options.tsx";
import { MarkList, marksShown } from "./mark-list.tsx";

const HEIGHT = 300;

/** Whether the model learns: held-out loss in front, training loss behind it, both also by timestep band. */
export function LossSection({ store }: { readonly store: RunStore }): JSX.Element {
  const unit = useSignal<AxisUnit>("step");
  const isLog = useSignal(false);
  const isClipped = useSignal(true);
  const smoothing = useSignal(0.9);
  const { value: series } = store.series;
  const { value: details } = store.details;
  if (series === undefined || details === undefined) return <LossSkeleton />;
  const axis = stepAxis(unit.value, series);
  const lines = lossLines(series, axis, smoothing.value);
  if (lines.length === 0) return <NothingMeasured />;
  const marks = marksShown(details.marks, series.stage);
  const { value: zoom } = store.zoom;
  const { value: chosen } = store.chosenStep;
  const uprights = [
    ...marks.map(({ step }) => ({ x: axis.fromStep(step), isChosen: false })),
    ...(chosen === undefined ? [] : [{ x: axis.fromStep(chosen), isChosen: true }]),
  ];
  const shared = {
    uprights,
    isLog: isLog.value,
    isClipped: isClipped.value,
    xLabel: axis.unit,
    xText: axis.text,
    yText: lossText,
    syncKey: "run",
    zoom: zoom && { from: axis.fromStep(zoom.from), to: axis.fromStep(zoom.to) },
    onZoom: (next: typeof zoom) =>
      store.zoomTo(next && { from: axis.toStep(next.from), to: axis.toStep(next.to) }),
    onPick: (x: number) => store.chooseStep(axis.toStep(x)),
  };
  return (
    <section class="loss card" aria-labelledby="loss-title">
      <div class="section-head">
        <h2 id="loss-title">Is it learning?</h2>
        <LossOptions
          series={series}
          unit={unit}
          isLog={isLog}
          isClipped={isClipped}
          smoothing={smoothing}
          isZoomed={zoom !== undefined}
          onUnzoom={() => store.zoomTo(undefined)}
        />
      </div>
      <div class="loss-charts">
        <div>
          <Chart title="Loss" lines={lines} height={HEIGHT} {...shared} />
          <MarkList marks={marks} onChoose={(step) => store.chooseStep(step)} />
        </div>
        <BandCharts series={series} axis={axis} shared={shared} />
      </div>
    </section>
  );
}

const LossSkeleton = (): JSX.Element => <section class="loss card waiting" aria-busy="true" />;

/** A run that has started but taken no step. */
const NothingMeasured = (): JSX.Element => (
  <section class="card stack" aria-labelledby="loss-title">
    <h2 id="loss-title">Is it learning?</h2>
    <p class="soft">
      The curve appears after the first step. Captions and pictures are encoded before it.
    </p>
  </section>
);
