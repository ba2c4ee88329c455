import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { random } from "../../../test/reliability/mutate.ts";
import { EventTail } from "./event-tail.ts";
import { formatEvent, type RunEvent, type StepEvent } from "./events.ts";
import { foldEvents } from "./fold-events.ts";

const time = "2026-01-02T03:04:05.678Z";
const stepEvent = (stage: string, step: number, loss = step): StepEvent => ({
  type: "step",
  time,
  stage,
  step,
  loss,
  lossParts: { mse: loss },
  bands: { "0-249": loss / 2 },
  gradNorm: 1,
  lr: 1e-3,
  imagesPerSecond: 10,
  seconds: { data: 0.25, forward: 0.5, backward: 0.125, optimizer: 0.125 },
});
const started: RunEvent = { type: "run-start", time, name: "fox" };
const text = (events: readonly RunEvent[]): string =>
  events.map((event) => `${formatEvent(event)}\n`).join("");

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-tail-"));
  path = join(folder, "events.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a tail tells, in the form of {@link folded}. */
const told = (tail: EventTail): unknown => ({
  stages: tail.stages,
  rare: tail.events,
  steps: tail.stages.map((name) => {
    const { steps, validations } = tail.stage(name);
    const rows = (table: typeof steps, ...names: string[]): unknown =>
      Array.from({ length: table.length }, (_, i) =>
        names.map((each) => table.column(each)[i] ?? Number.NaN),
      );
    return [
      rows(steps, "step", "loss", "loss/0-249", "gradNorm", "seconds", "memory"),
      rows(validations, "step", "heldout", "heldout/0-249"),
    ];
  }),
});

/** The same of what {@link foldEvents} leaves. */
const folded = (all: readonly RunEvent[]): unknown => {
  const events = foldEvents(all);
  const stages = [...new Set(events.flatMap((event) => ("stage" in event ? event.stage : [])))];
  return {
    stages,
    rare: events.filter(({ type }) => type !== "step" && type !== "validation"),
    steps: stages.map((name) => [
      events.flatMap((event) =>
        event.type === "step" && event.stage === name
          ? [
              [
                ...[event.step, event.loss, event.bands?.["0-249"] ?? Number.NaN, event.gradNorm],
                ...[1, event.memory?.rss ?? Number.NaN],
              ],
            ]
          : [],
      ),
      events.flatMap((event) =>
        event.type === "validation" && event.stage === name
          ? [[event.step, event.losses.heldout, event.bands.heldout?.["0-249"]]]
          : [],
      ),
    ]),
  };
};

/** A log as no run would write it: stages in any order, steps twice, going back from anywhere to anywhere. */
function anyEvent(below: (count: number) => number): RunEvent {
  const place = { time, stage: "abc"[below(3)] ?? "", step: below(12) };
  switch (below(16)) {
    case 0:
      return { type: "resume", ...place };
    case 1:
      return {
        ...{ type: "rollback", ...place, spikeStep: 9, loss: 7, ratio: 70 },
        ...{ skipped: [4, 9], pictures: ["ü.png"] },
      };
    case 2:
      return { type: "warning", ...place, message: "naïve ✓" };
    case 3:
      return { type: "run-end", ...place, reason: "stopped", message: null };
    case 4:
      return { type: "activity", ...place, what: "sampling", done: below(9), total: null };
    case 5:
      return { type: "sample", ...place, file: "a.png" };
    case 6:
      return { type: "stage-start", ...place, steps: 12 };
    case 7:
    case 8: {
      const heldout = below(100) === 0 ? Number.NaN : below(1000) / 1000;
      return {
        ...{ type: "validation", ...place },
        ...{ losses: { heldout }, bands: { heldout: { "0-249": heldout } } },
      };
    }
    default: {
      const memory = below(4) === 0 && { memory: { rss: below(1e9) } };
      return { ...stepEvent(place.stage, place.step, below(1000)), ...memory };
    }
  }
}

describe("EventTail", () => {
  it("tells what foldEvents leaves of the whole, wherever the file was cut when it was read", async () => {
    const below = random(5);
    for (let round = 0; round < 150; round++) {
      writeFileSync(path, "");
      const tail = new EventTail(path);
      const events = Array.from({ length: below(80) }, () => anyEvent(below));
      const bytes = Buffer.from(text(events));
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + below(bytes.length / 2);
        appendFileSync(path, bytes.subarray(at, end));
        await tail.read();
        at = end;
      }
      expect(told(tail)).toEqual(folded(events));
      expect(tail.damage).toBeUndefined();
    }
  });

  it("waits for the end of a line, and takes another one that came in its place", async () => {
    writeFileSync(path, text([started, stepEvent("a", 1)]));
    const tail = new EventTail(path);
    const whole = text([stepEvent("a", 2, 20)]);
    appendFileSync(path, whole.slice(0, 40));
    await tail.read();
    expect([...tail.stage("a").steps.column("loss")]).toEqual([1]);
    // As the next process of the run repairs it.
    truncateSync(path, Buffer.byteLength(text([started, stepEvent("a", 1)])));
    appendFileSync(path, text([{ type: "resume", time, stage: "a", step: 0 }]));
    await tail.read();
    expect(tail.stage("a").steps.length).toBe(0);
    expect(tail.damage).toBeUndefined();
  });

  it.each([
    ["shortened", () => truncateSync(path, Buffer.byteLength(text([started])))],
    ["replaced", () => writeFileSync(path, text([started, ...steps(50, 7)]))],
    ["removed", () => rmSync(path)],
  ])("begins again with a file that was %s", async (how, change) => {
    writeFileSync(path, text([started, ...steps(40, 1)]));
    const tail = new EventTail(path);
    await tail.read();
    change();
    await tail.read();
    const count = { shortened: 0, replaced: 50, removed: 0 }[how];
    expect(tail.stage("a").steps.length).toBe(count);
    expect(tail.eventsOf("run-start")).toHaveLength(how === "removed" ? 0 : 1);
    if (how === "removed") writeFileSync(path, text(steps(3, 2)));
    await tail.read();
    expect(tail.stage("a").steps.length).toBe(how === "removed" ? 3 : count);
  });

  it("passes over lines that are no event and remembers the first", async () => {
    writeFileSync(path, `${text([started])}{"type":"other"}\n${text(steps(2, 1))}x\n`);
    const tail = new EventTail(path);
    await tail.read();
    expect(tail.damage).toEqual({ line: 2, text: '"{\\"type\\":\\"other\\"}"' });
    expect(tail.stage("a").steps.length).toBe(2);
  });

  it("looks at the end of a long file alone where that is enough, and goes on from there", async () => {
    const [line = ""] = text(steps(1, 1)).split("\n");
    writeFileSync(path, text([started, ...steps(100, 1)]));
    const tail = new EventTail(path, 3 * line.length);
    await tail.read();
    expect([...tail.stage("a").steps.column("step")]).toEqual([99, 100]);
    appendFileSync(path, text([stepEvent("a", 101)]));
    await tail.read();
    expect([...tail.stage("a").steps.column("step")]).toEqual([99, 100, 101]);
    expect(tail.eventsOf("run-start")).toEqual([]);
  });

  it("keeps no line that has no end", async () => {
    writeFileSync(path, Buffer.alloc(9 * 2 ** 20, "x"));
    const tail = new EventTail(path);
    await tail.read();
    appendFileSync(path, `\n${text(steps(2, 1))}`);
    await tail.read();
    expect(tail.damage?.line).toBe(1);
    expect(tail.stage("a").steps.length).toBe(2);
  });

  it("tells each new event once, also where it is asked twice at a time", async () => {
    writeFileSync(path, text([started, ...steps(3, 1)]));
    const tail = new EventTail(path);
    await tail.read();
    const seen: string[] = [];
    appendFileSync(
      path,
      text([stepEvent("a", 4), { type: "stage-end", time, stage: "a", step: 4 }]),
    );
    const note = (event: RunEvent): number => seen.push(event.type);
    await Promise.all([tail.read(note), tail.read(note)]);
    expect(seen).toEqual(["step", "stage-end"]);
  });

  it("knows what the run does between steps until something else comes", async () => {
    const place = { time, stage: "a", step: 0 };
    const activity: RunEvent = {
      ...{ type: "activity", ...place },
      ...{ what: "encoding captions", done: 3, total: 9 },
    };
    writeFileSync(path, text([started, activity, { type: "warning", ...place, message: "slow" }]));
    const tail = new EventTail(path);
    await tail.read();
    expect(tail.activity).toEqual(activity);
    appendFileSync(path, text([stepEvent("a", 1)]));
    await tail.read();
    expect(tail.activity).toBeUndefined();
    // That of a killed process is not what the one is doing that resumes the run.
    appendFileSync(path, text([activity, { type: "resume", ...place }]));
    await tail.read();
    expect(tail.activity).toBeUndefined();
  });

  it("waits for a file that is not there, and says why one cannot be read", async () => {
    const tail = new EventTail(path);
    await tail.read();
    expect(tail.stages).toEqual([]);
    await expect(new EventTail(folder).read()).rejects.toThrow(
      `${folder}: file: expected events but found a folder`,
    );
  });
});

function steps(count: number, loss: number): StepEvent[] {
  return Array.from({ length: count }, (_, i) => stepEvent("a", i + 1, loss));
}

describe("the series of a stage", () => {
  const read = async (events: readonly RunEvent[]): Promise<EventTail> => {
    writeFileSync(path, text(events));
    const tail = new EventTail(path);
    await tail.read();
    return tail;
  };

  it("are what was noted where the points are enough", async () => {
    const tail = await read([
      stepEvent("a", 1, 4),
      stepEvent("a", 2, Number.NaN),
      stepEvent("a", 3, 2),
    ]);
    expect(tail.stage("a").series("loss", { points: 9 })).toEqual({
      step: [1, 3],
      mean: [4, 2],
      min: [4, 2],
      max: [4, 2],
    });
    expect(tail.stage("a").series("loss/0-249", { points: 9 }).mean).toEqual([2, 1]);
  });

  it("are mean, least and greatest of as many steps each where they are not", async () => {
    const tail = await read(Array.from({ length: 12 }, (_, i) => stepEvent("a", i + 1, i)));
    expect(tail.stage("a").series("loss", { from: 3, to: 10, points: 2 })).toEqual({
      step: [4, 8],
      mean: [3.5, 7.5],
      min: [2, 6],
      max: [5, 9],
    });
  });

  it("are empty of what nobody noted", async () => {
    const tail = await read([stepEvent("a", 1)]);
    expect(tail.stage("a").series("memory", { points: 9 }).step).toEqual([]);
    expect(tail.stage("b").series("loss", { points: 9 }).step).toEqual([]);
  });

  it("count the seconds of training", async () => {
    const tail = await read(steps(5, 1));
    expect(tail.stage("a").clock(2)).toEqual({ steps: [3, 5], seconds: [3, 5] });
  });
});
