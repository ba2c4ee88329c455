import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunEvent, StepEvent } from "./events.ts";
import { foldEvents } from "./fold-events.ts";

const time = "2026-01-02T03:04:05.678Z";
const stepEvent = (stage: string, step: number, loss = step): StepEvent => ({
  type: "step",
  time,
  stage,
  step,
  loss,
  lossParts: { mse: loss / 3 },
  gradNorm: 1,
  lr: 1e-3,
  imagesPerSecond: 10,
  seconds: { data: 0.1, forward: 0.2, backward: 0.3, optimizer: 0.1 },
});
const start = (stage: string): RunEvent => ({
  type: "stage-start",
  time,
  stage,
  step: 0,
  steps: 9,
});
const resume = (stage: string, step: number): RunEvent => ({ type: "resume", time, stage, step });

describe("foldEvents", () => {
  const steps = (events: readonly RunEvent[]): string[] =>
    events.flatMap((event) =>
      event.type === "step" ? `${event.stage}${event.step}:${event.loss}` : [],
    );

  it("leaves a run alone that was never resumed", () => {
    const events = [
      start("a"),
      stepEvent("a", 1),
      stepEvent("a", 2),
      start("b"),
      stepEvent("b", 1),
    ];
    expect(foldEvents(events)).toEqual(events);
  });

  it("drops the steps beyond a resume", () => {
    const events = [
      ...[start("a"), stepEvent("a", 1, 1), stepEvent("a", 2, 2), stepEvent("a", 3, 3)],
      ...[resume("a", 1), stepEvent("a", 2, 20), stepEvent("a", 3, 30)],
      ...[resume("a", 2), stepEvent("a", 3, 300)],
    ];
    expect(steps(foldEvents(events))).toEqual(["a1:1", "a2:20", "a3:300"]);
  });

  it("drops later stages, and keeps earlier ones whose steps count higher", () => {
    const events = [
      ...[start("a"), stepEvent("a", 8), start("b"), stepEvent("b", 1), stepEvent("b", 2)],
      ...[start("c"), stepEvent("c", 1), resume("b", 1), stepEvent("b", 2, 20)],
    ];
    const folded = foldEvents(events);
    expect(steps(folded)).toEqual(["a8:8", "b1:1", "b2:20"]);
    expect(folded.filter(({ type }) => type === "stage-start")).toEqual([start("a"), start("b")]);
  });

  it("keeps everything when a stage begins that nothing was done of", () => {
    const events = [start("a"), stepEvent("a", 1), resume("b", 0), start("b"), stepEvent("b", 1)];
    expect(foldEvents(events)).toEqual(events);
  });

  it("takes the later of two events at the step of the resume, in its later place", () => {
    const sample = (file: string): RunEvent => ({
      type: "sample",
      time,
      stage: "a",
      step: 1,
      file,
    });
    const events = [start("a"), stepEvent("a", 1), sample("old"), resume("a", 1), sample("new")];
    expect(foldEvents(events)).toEqual([
      start("a"),
      stepEvent("a", 1),
      resume("a", 1),
      sample("new"),
    ]);
  });

  it("drops the end of a run that goes on, and keeps two equal warnings", () => {
    const end: RunEvent = {
      type: "run-end",
      time,
      stage: "a",
      step: 1,
      reason: "stopped",
      message: "SIGTERM",
    };
    const warning: RunEvent = { type: "warning", time, stage: "a", step: 1, message: "slow" };
    const events = [stepEvent("a", 1), warning, warning, end, resume("a", 1), stepEvent("a", 2)];
    expect(foldEvents(events)).toEqual([
      ...[stepEvent("a", 1), warning, warning],
      ...[resume("a", 1), stepEvent("a", 2)],
    ]);
  });

  it("drops what a rollback went back from, and keeps two rollbacks to one step", () => {
    const back: RunEvent = {
      type: "rollback",
      time,
      stage: "b",
      step: 1,
      spikeStep: 3,
      loss: 9,
      ratio: 90,
      skipped: [1, 3],
      pictures: [],
    };
    const events = [
      ...[stepEvent("a", 8), stepEvent("b", 1), stepEvent("b", 2), back],
      ...[stepEvent("b", 2, 20), back, stepEvent("b", 2, 200)],
    ];
    expect(foldEvents(events)).toEqual([
      ...[stepEvent("a", 8), stepEvent("b", 1), back, back, stepEvent("b", 2, 200)],
    ]);
  });

  it("keeps the newest activity alone", () => {
    const activity = (done: number): RunEvent => ({
      ...{ type: "activity", time, stage: "a", step: 0 },
      ...{ what: "encoding captions", done, total: 9 },
    });
    expect(foldEvents([activity(1), start("a"), activity(2)])).toEqual([start("a"), activity(2)]);
  });

  it("shows each step once, however a run was killed and resumed", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(8), fc.nat(8)), { maxLength: 12 }), (lives) => {
        const events: RunEvent[] = [];
        let done = 0;
        const truth: number[] = [];
        for (const [back, forward] of lives) {
          const from = Math.max(0, done - back);
          events.push(resume("a", from));
          for (let step = from + 1; step <= from + forward; step++) {
            truth[step - 1] = events.length;
            events.push(stepEvent("a", step, events.length));
          }
          done = from + forward;
          truth.length = done;
        }
        expect(steps(foldEvents(events))).toEqual(truth.map((loss, i) => `a${i + 1}:${loss}`));
      }),
    );
  });
});
