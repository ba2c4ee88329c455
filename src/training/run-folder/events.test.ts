import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatEvent, parseEvent, type RunEvent, type StepEvent } from "./events.ts";

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

describe("formatEvent and parseEvent", () => {
  it("keep every number to the bit", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), fc.double(), (loss, part, gradNorm) => {
        const event = {
          ...stepEvent("a", 3),
          loss,
          lossParts: { mse: part, vlb: -part },
          gradNorm,
        };
        const read = parseEvent(formatEvent(event));
        expect(read).toEqual(event); // tells -0 from 0
      }),
    );
  });

  it.each([
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
    [-0, '"-0"'],
    [0.1, "0.1"],
  ])("write %s as %s", (loss, text) => {
    const event = stepEvent("a", 1, loss);
    expect(formatEvent(event)).toContain(`"loss":${text}`);
    expect(parseEvent(formatEvent(event))).toEqual(event);
  });

  it.each<RunEvent>([
    { type: "run-start", time, name: "fox" },
    {
      type: "run-start",
      time,
      name: "fox",
      facts: {
        device: "cpu",
        host: "here",
        versions: { node: "20.20.2" },
        threads: 2,
        argv: ["pixart", "train", "fox.json"],
        cwd: "/runs",
      },
    },
    { type: "resume", time, stage: "a", step: 4 },
    { type: "plan", time, stage: "a", step: 0, plan: { steps: 10 } },
    { type: "activity", time, stage: "a", step: 0, what: "encoding captions", done: 3, total: 9 },
    { ...stepEvent("a", 3), bands: { "0-249": Number.NaN, "250-499": 0.5 }, memory: { rss: 1e9 } },
    { type: "stage-start", time, stage: "a", step: 0, steps: 10 },
    {
      type: "validation",
      time,
      stage: "a",
      step: 1,
      losses: { train: 0.1, heldout: Number.NaN },
      bands: { train: { "0-249": 0.3 }, heldout: { "0-249": Number.NaN } },
    },
    {
      type: "rollback",
      time,
      stage: "a",
      step: 4,
      spikeStep: 9,
      loss: 7,
      ratio: 70,
      skipped: [4, 9],
      pictures: ["a.png"],
    },
    { type: "sample", time, stage: "a", step: 1, file: "samples/a-1.png" },
    {
      type: "sample",
      time,
      stage: "a",
      step: 1,
      file: "samples/a-1.png",
      pictures: [{ file: "samples/a/1/0.png", prompt: "a fox", seed: 7 }],
    },
    { type: "checkpoint", time, stage: "a", step: 1, folder: "checkpoints/step-00000001" },
    { type: "warning", time, stage: "a", step: 1, message: "NaN" },
    { type: "stage-end", time, stage: "a", step: 10 },
    { type: "run-end", time, stage: "a", step: 10, reason: "failed", message: "-0" },
  ])("keep $type", (event) => {
    expect(formatEvent(event)).not.toContain("\n");
    expect(parseEvent(formatEvent(event))).toEqual(event);
  });

  it.each([
    '{"type":"step","loss":1,"gradNorm":1}',
    '{"type":"step","loss":1,"gradNorm":1,"lossParts":null}',
    '{"type":"validation","bands":{}}',
    '{"type":"validation","losses":{},"bands":{"heldout":null}}',
  ])("take no line for an event that lacks what is read of it: %s", (line) => {
    expect(parseEvent(line)).toBeUndefined();
  });

  it("read losses of an earlier version, which have no bands", () => {
    const line = '{"type":"validation","time":"","stage":"a","step":1,"losses":{"train":0.1}}';
    expect(parseEvent(line)).toMatchObject({ losses: { train: 0.1 }, bands: {} });
  });

  it.each([
    ...["", "{", "null", "1", "[]", "{}", '{"type":"other"}', '{"type":"toString"}'],
    '{"type":"step","time":"","stage":"a","step":"7"}',
    '{"type":"step","time":"","stage":"a","step":7,"loss":1,"lossParts":{}}',
    '{"type":"validation","time":"","stage":"a","step":7}',
    '{"type":"sample","time":"","stage":"a","step":7}',
    '{"type":"sample","time":"","stage":"a","step":7,"file":"a.png","pictures":7}',
    '{"type":"plan","time":"","stage":"a","step":7}',
    '{"type":"activity","time":"","stage":"a","step":7,"done":1}',
    '{"type":"run-start","name":"a"}',
  ])("find no event in %j", (line) => {
    expect(parseEvent(line)).toBeUndefined();
  });
});
