import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Chart } from "../charts/chart.tsx";
import type { Zoom } from "../charts/plot.ts";
import { BAND_WORDS } from "../run/loss/band-charts.tsx";
import { BANDS } from "../run/run-store.ts";
import { countText, lossText } from "../words/numbers.ts";
import { linesOfBoth } from "./compare-lines.ts";
import type { Side } from "./compare-store.ts";

interface CompareChartsProps {
  readonly names: readonly [string, string];
  readonly sides: readonly [Side, Side];
}

const LARGE = 300;
const SMALL = 132;

/** Held-out loss of both, whole and by band. */
export function CompareCharts({ names, sides }: CompareChartsProps): JSX.Element {
  const zoom = useSignal<Zoom | undefined>(undefined);
  const a = { name: names[0], series: sides[0].series };
  const b = { name: names[1], series: sides[1].series };
  const shared = {
    xLabel: "step",
    xText: countText,
    yText: lossText,
    syncKey: "compare",
    zoom: zoom.value,
    onZoom: (next: Zoom | undefined) => {
      zoom.value = next;
    },
  };
  return (
    <section class="loss card" aria-labelledby="curves-title">
      <div class="section-head">
        <h2 id="curves-title">Held-out loss</h2>
        {zoom.value !== undefined && (
          <button
            type="button"
            class="small push"
            onClick={() => {
              zoom.value = undefined;
            }}
          >
            Show all
          </button>
        )}
      </div>
      <div class="loss-charts">
        <Chart
          {...shared}
          title="Held-out loss"
          lines={linesOfBoth("heldout", a, b)}
          height={LARGE}
        />
        <div class="bands">
          {BANDS.map((band) => (
            <div key={band}>
              <h3>
                {BAND_WORDS[band]} <span class="soft numeric">t {band.replace("-", "–")}</span>
              </h3>
              <Chart
                {...shared}
                title={`Held-out loss at timesteps ${band}`}
                lines={linesOfBoth(`heldout/${band}`, a, b)}
                height={SMALL}
                hasLegend={false}
              />
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}
