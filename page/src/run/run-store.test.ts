import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RunLine } from "../../../src/studio/api-types.ts";
import { mockDetails, mockRuns, mockSamples } from "../../mock/mock-runs.ts";
import { mockSeries } from "../../mock/mock-series.ts";
import { RunStore } from "./run-store.ts";

/** A request that waits for its answer. */
interface Request {
  readonly query: URLSearchParams;
  readonly answer: () => Promise<void>;
}

let open: Request[] = [];
/** Parts that are answered only when a test says so. */
let late = new Set<string>();
let store: RunStore;

beforeEach(async () => {
  open = [];
  late = new Set();
  vi.stubGlobal("fetch", (address: string) => {
    const { pathname, searchParams: query } = new URL(address, "http://studio");
    const part = pathname.split("/")[4] ?? "details";
    if (!late.has(part)) return Promise.resolve(Response.json(answerOf(part, query)));
    return new Promise<Response>((resolve) => {
      const answer = async (): Promise<void> => {
        resolve(Response.json(answerOf(part, query)));
        await new Promise((taken) => setTimeout(taken));
      };
      open.push({ query, answer });
    });
  });
  store = new RunStore("r1");
  await vi.waitFor(() => expect(store.samples.value).not.toEqual([]));
});
afterEach(() => store.close());

let verdict = "";
function answerOf(part: string, query: URLSearchParams): object {
  const stage = query.get("stage") ?? "";
  const [run] = mockRuns(1240) as [RunLine];
  if (part === "series")
    return mockSeries(stage, 1240, Number(query.get("from") ?? 1), Number(query.get("to") ?? 1240));
  if (part === "samples") return { samples: mockSamples(run).map((set) => ({ ...set, stage })) };
  return { ...mockDetails(run), verdict };
}

const stages = (): string[] => [...new Set(store.samples.value.map(({ stage }) => stage))];

it("shows no other stage's samples, whichever answer comes last", async () => {
  expect(stages()).toEqual(["alignment"]);
  late.add("samples");
  store.chooseStage("pretraining");
  expect([stages(), store.isLoadingSamples.value]).toEqual([[], true]);
  store.chooseStage("refinement");
  const [first, second] = open;
  await second?.answer();
  expect([stages(), store.isLoadingSamples.value]).toEqual([["refinement"], false]);
  await first?.answer();
  expect(stages()).toEqual(["refinement"]);
});

it("loads samples from the start, and no longer once that has failed", async () => {
  late.add("samples");
  const own = new RunStore("r1");
  expect(own.isLoadingSamples.value).toBe(true);
  await vi.waitFor(() => expect(open).toHaveLength(1));
  expect(own.isLoadingSamples.value).toBe(true);
  await open[0]?.answer();
  expect(own.isLoadingSamples.value).toBe(false);
  own.close();

  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no connection")));
  store.chooseStage("refinement");
  expect(store.isLoadingSamples.value).toBe(true);
  await vi.waitFor(() => expect(store.isLoadingSamples.value).toBe(false));
  expect(store.problem.value).toBeDefined();
});

it("shows no range that is no longer zoomed into", async () => {
  vi.useFakeTimers();
  late.add("series");
  store.zoomTo({ from: 100, to: 200 });
  await vi.advanceTimersByTimeAsync(400);
  const before = store.series.value;
  store.zoomTo({ from: 600, to: 700 });
  vi.useRealTimers();
  await open[0]?.answer();
  expect(open[0]?.query.get("from")).toBe("100");
  expect(store.series.value).toBe(before);
});

it("shows nothing older than it has shown", async () => {
  late.add("details");
  store.reload();
  store.reload();
  verdict = "new";
  await open[1]?.answer();
  verdict = "old";
  await open[0]?.answer();
  expect(store.details.value?.verdict).toBe("new");
});
