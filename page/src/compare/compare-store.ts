import { signal } from "@preact/signals";
import type { Comparison, SampleSet, Series } from "../../../src/studio/api-types.ts";
import { getJson, messageOf } from "../api/request.ts";
import { BANDS } from "../run/run-store.ts";

/** The data of one side of a comparison. */
export interface Side {
  readonly series: Series;
  readonly samples: readonly SampleSet[];
}

const KEYS = ["loss", "heldout", ...BANDS.map((band) => `heldout/${band}`)].join(",");
const POINTS = "1000";

/** Two runs side by side. */
export class CompareStore {
  readonly comparison = signal<Comparison | undefined>(undefined);
  readonly sides = signal<readonly [a: Side, b: Side] | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  readonly #abort = new AbortController();

  constructor(a: string, b: string) {
    void this.#load(a, b);
  }

  close(): void {
    this.#abort.abort();
  }

  async #load(a: string, b: string): Promise<void> {
    const { signal: stopped } = this.#abort;
    try {
      const query = new URLSearchParams({ a, b });
      this.comparison.value = await getJson<Comparison>(`/compare?${query}`, stopped);
      this.sides.value = await Promise.all([this.#side(a), this.#side(b)]);
    } catch (error) {
      if (!stopped.aborted) this.problem.value = messageOf(error);
    }
  }

  async #side(id: string): Promise<Side> {
    const { comparison } = this;
    const line = [comparison.value?.a, comparison.value?.b].find((run) => run?.id === id);
    const stage = line?.stage?.stage ?? "";
    const place = `/runs/${encodeURIComponent(id)}`;
    const { signal: stopped } = this.#abort;
    const [series, { samples }] = await Promise.all([
      getJson<Series>(
        `${place}/series?${new URLSearchParams({ stage, keys: KEYS, points: POINTS })}`,
        stopped,
      ),
      getJson<{ samples: SampleSet[] }>(
        `${place}/samples?${new URLSearchParams({ stage })}`,
        stopped,
      ),
    ]);
    return { series, samples };
  }
}
