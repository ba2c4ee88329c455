import type { JSX } from "preact";
import type { Series } from "../../../../src/studio/api-types.ts";
import { Chart } from "../../charts/chart.tsx";
import type { PlotSettings } from "../../charts/plot.ts";
import type { StepAxis } from "../../charts/step-axis.ts";
import { BANDS } from "../run-store.ts";
import { bandLines } from "./loss-lines.ts";

/** What the model learns in each timestep band. */
export const BAND_WORDS: Readonly<Record<(typeof BANDS)[number], string>> = {
  "0-249": "fine detail",
  "250-499": "shapes",
  "500-749": "layout",
  "750-999": "what is drawn",
};

const HEIGHT = 132;

interface BandChartsProps {
  readonly series: Series;
  readonly axis: StepAxis;
  readonly shared: Omit<PlotSettings, "height"> & {
    readonly xLabel: string;
    readonly onZoom: (zoom: PlotSettings["zoom"]) => void;
    readonly onPick: (x: number) => void;
  };
}

/** Loss by timestep band: a caption that isn't learned only shows in the last one. */
export function BandCharts({ series, axis, shared }: BandChartsProps): JSX.Element | null {
  const charts = BANDS.map((band) => ({ band, lines: bandLines(series, band, axis) })).filter(
    ({ lines }) => lines.length > 0,
  );
  if (charts.length === 0) return null;
  return (
    <div class="bands">
      {charts.map(({ band, lines }) => (
        <div key={band}>
          <h3>
            {BAND_WORDS[band]} <span class="soft numeric">t {band.replace("-", "–")}</span>
          </h3>
          <Chart
            {...shared}
            title={`Loss at timesteps ${band}`}
            lines={lines}
            height={HEIGHT}
            hasLegend={false}
          />
        </div>
      ))}
    </div>
  );
}
