import { computed, signal } from "@preact/signals";
import type {
  ControlRequest,
  PlacedEvent,
  RunDetails,
  RunLine,
  SampleSet,
  Series,
} from "../../../src/studio/api-types.ts";
import { answerOrder } from "../api/answer-order.ts";
import { listen, returns, watchRun } from "../api/live.ts";
import { getJson, messageOf, postJson } from "../api/request.ts";
import type { Zoom } from "../charts/plot.ts";
import { withStep } from "./live-series.ts";

/** Timestep bands that validations report losses for. */
export const BANDS = ["0-249", "250-499", "500-749", "750-999"] as const;
const KEYS = [
  "loss",
  "gradNorm",
  "lr",
  "imagesPerSecond",
  "memory",
  ...["heldout", "train"].flatMap((key) => [key, ...BANDS.map((band) => `${key}/${band}`)]),
];
const POINTS = 1000;
/** Number of live steps after which the curves are requested again, in buckets. */
const MOST_LIVE = 500;
const SETTLE_MS = 300;

/** Events after which details, curves or samples have changed. */
const NEWS: readonly PlacedEvent[] = [
  "validation",
  "sample",
  "checkpoint",
  "warning",
  "rollback",
  "run-end",
];

type Part = "details" | "series" | "samples";
const PATHS: Readonly<Record<Part, string>> = {
  details: "",
  series: "/series?",
  samples: "/samples?",
};

/** A run as displayed: the server's data, and what is selected. Lives until `close`. */
export class RunStore {
  readonly details = signal<RunDetails | undefined>(undefined);
  readonly series = signal<Series | undefined>(undefined);
  readonly samples = signal<readonly SampleSet[]>([]);
  /** From the selection of another stage until its samples are known. */
  readonly isLoadingSamples = signal(true);
  readonly problem = signal<string | undefined>(undefined);
  /** The latest request to the run and its result. */
  readonly notice = signal<string | undefined>(undefined);
  /** The selected stage; undefined follows the run. */
  readonly chosenStage = signal<string | undefined>(undefined);
  /** The zoomed range of steps. */
  readonly zoom = signal<Zoom | undefined>(undefined);
  /** The step whose samples are shown; undefined follows the newest. */
  readonly chosenStep = signal<number | undefined>(undefined);

  readonly stage = computed(() => {
    const details = this.details.value;
    return this.chosenStage.value ?? details?.stage?.stage ?? details?.all[0]?.stage;
  });
  /** Index of the shown samples. */
  readonly sampleIndex = computed(() => {
    const { value: step } = this.chosenStep;
    const last = this.samples.value.length - 1;
    if (step === undefined) return last;
    return nearestIndex(
      this.samples.value.map((set) => set.step),
      step,
    );
  });

  readonly #place: string;
  readonly #ends: (() => void)[] = [];
  readonly #abort = new AbortController();
  readonly #beginOf: Readonly<Record<Part, ReturnType<typeof answerOrder>>> = {
    details: answerOrder(),
    series: answerOrder(),
    samples: answerOrder(),
  };
  #live = 0;
  #settling: ReturnType<typeof setTimeout> | undefined;

  /** @param place a run's id, or `latest` */
  constructor(place: string) {
    this.#place = place;
    void this.#begin();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#settling);
    for (const end of this.#ends) end();
  }

  /** Switches to another stage. */
  chooseStage(stage: string): void {
    this.chosenStage.value = stage;
    this.chosenStep.value = undefined;
    this.zoom.value = undefined;
    this.series.value = undefined;
    this.samples.value = [];
    this.isLoadingSamples.value = true;
    void this.#loadCurves();
    void this.#loadSamples();
  }

  /** Shows the samples nearest to a step. */
  chooseStep(step: number): void {
    const { value: samples } = this.samples;
    const index = nearestIndex(
      samples.map((set) => set.step),
      step,
    );
    this.showSample(index);
  }

  /** Shows the samples at an index of the list. */
  showSample(index: number): void {
    const { value: samples } = this.samples;
    const inside = Math.min(Math.max(index, 0), samples.length - 1);
    this.chosenStep.value = inside === samples.length - 1 ? undefined : samples[inside]?.step;
  }

  /** Zooms into steps, and requests the curves of that part, with finer buckets. */
  zoomTo(zoom: Zoom | undefined): void {
    this.zoom.value = zoom;
    this.#settle();
  }

  /** Requests the run to stop, save or sample. */
  async control(request: ControlRequest["do"]): Promise<void> {
    const done = {
      stop: "Requested: save, then stop.",
      save: "Requested: save after this step.",
      sample: "Requested: samples after this step.",
    };
    await this.#send("control", { do: request }, done[request]);
  }

  /** Resumes a run that was stopped or interrupted. */
  async resume(): Promise<void> {
    await this.#send("resume", {}, "Resumed.");
    await this.#loadDetails();
  }

  async #send(what: string, body: object, done: string): Promise<void> {
    const { value: details } = this.details;
    if (details === undefined) return;
    this.notice.value = "Sending…";
    try {
      await postJson(`/runs/${encodeURIComponent(details.id)}/${what}`, body);
      this.notice.value = done;
    } catch (error) {
      this.notice.value = messageOf(error);
    }
  }

  async #begin(): Promise<void> {
    await this.#loadDetails();
    const { value: details } = this.details;
    if (details === undefined || this.#abort.signal.aborted) return;
    const { id } = details;
    if (hasFolder(details)) await Promise.all([this.#loadCurves(), this.#loadSamples()]);
    if (this.#abort.signal.aborted) return;
    this.#ends.push(
      watchRun(id),
      listen("run", (event) => {
        if (event.id === id) this.#hearLine(event.line);
      }),
      listen("step", (event) => {
        if (event.id === id) this.#hearStep(event);
      }),
      ...NEWS.map((name) =>
        listen(name, (event) => {
          if (event.id === id) this.#hearNews(name);
        }),
      ),
      this.#onReturn(),
    );
  }

  /** Requests everything again. */
  reload(): void {
    if (this.details.value === undefined) {
      void this.#begin();
      return;
    }
    void this.#loadDetails();
    void this.#loadSamples();
    this.#settle();
  }

  /** Requests everything whenever the stream reconnects, from now on. */
  #onReturn(): () => void {
    const before = returns.peek();
    return returns.subscribe((count) => {
      if (count > before) this.reload();
    });
  }

  /** Data that a line does not contain also change when the run gets its folder, starts or ends. */
  #hearLine(line: RunLine): void {
    const { value: before } = this.details;
    if (before === undefined) return;
    this.details.value = { ...before, ...line };
    if (!hasFolder(before)) this.reload();
    else if (before.state !== line.state) void this.#loadDetails();
  }

  #hearStep(event: Parameters<typeof withStep>[1]): void {
    const { value: series } = this.series;
    if (series === undefined || this.zoom.value !== undefined) return;
    this.series.value = withStep(series, event);
    this.#live += 1;
    if (this.#live >= MOST_LIVE) this.#settle();
  }

  #hearNews(name: PlacedEvent): void {
    void this.#loadDetails();
    if (name === "sample") void this.#loadSamples();
    if (name === "validation" || name === "rollback") this.#settle();
  }

  /** Requests the curves after a moment without changes. */
  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#loadCurves(), SETTLE_MS);
  }

  #loadDetails(): Promise<void> {
    return this.#load<RunDetails>("details", new URLSearchParams(), (details) => {
      this.details.value = details;
    });
  }

  #loadCurves(): Promise<void> {
    const query = new URLSearchParams({ keys: KEYS.join(","), points: String(POINTS) });
    const { value: stage } = this.stage;
    const { value: zoom } = this.zoom;
    if (stage !== undefined) query.set("stage", stage);
    if (zoom !== undefined) {
      query.set("from", String(Math.floor(zoom.from)));
      query.set("to", String(Math.ceil(zoom.to)));
    }
    this.#live = 0;
    return this.#load<Series>("series", query, (series) => {
      // Before a run's first step, its stage is not known.
      const isCurrent = series.stage === (this.stage.value ?? "") && zoom === this.zoom.value;
      if (isCurrent) this.series.value = series;
    });
  }

  async #loadSamples(): Promise<void> {
    const { value: stage } = this.stage;
    const query = new URLSearchParams({ stage: stage ?? "" });
    await this.#load<{ samples: SampleSet[] }>("samples", query, ({ samples }) => {
      const told = samples[0]?.stage ?? stage;
      if (told === this.stage.value) this.samples.value = samples;
    });
    if (stage === this.stage.value) this.isLoadingSamples.value = false;
  }

  /** Requests a part of the run. An answer to an earlier request than the last that was taken is dropped. */
  async #load<T>(part: Part, query: URLSearchParams, take: (answer: T) => void): Promise<void> {
    const run = encodeURIComponent(this.details.value?.id ?? this.#place);
    const takes = this.#beginOf[part]();
    try {
      const answer = await getJson<T>(`/runs/${run}${PATHS[part]}${query}`, this.#abort.signal);
      if (!takes()) return;
      take(answer);
      this.problem.value = undefined;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.problem.value = messageOf(error);
    }
  }
}

/** Whether a run has started writing its folder; before that the server only knows that it was started. */
const hasFolder = ({ config }: RunDetails): boolean => config !== null;

/** Index of the nearest value, the first of equally near ones. -1 if there is none. */
function nearestIndex(values: readonly number[], wanted: number): number {
  let best = -1;
  for (const [index, value] of values.entries())
    if (best < 0 || Math.abs(value - wanted) < Math.abs((values[best] ?? 0) - wanted)) best = index;
  return best;
}
