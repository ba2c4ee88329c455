import { describe, expect, it } from "vitest";
import { formatProgress, ProgressLine, type ProgressOptions } from "./progress.ts";

const state = {
  stage: "alignment",
  step: 312,
  steps: 2000,
  loss: 0.143249,
  imagesPerSecond: 84.123,
  secondsLeft: 130,
  rssBytes: 1_236_000_000,
};

describe("formatProgress", () => {
  it("says where a stage is, how it goes and how long it takes", () => {
    expect(formatProgress(state)).toBe(
      "alignment 312/2000 (15 %), loss 0.1432, 84.1 images/s, 2 min 10 s left, 1.24 GB",
    );
  });

  it("does not speak of the time that is left of a finished stage", () => {
    expect(formatProgress({ ...state, step: 2000 })).toBe(
      "alignment 2000/2000 (100 %), loss 0.1432, 84.1 images/s, 1.24 GB",
    );
  });

  it("rounds up to no more than is done, and shows a loss that is none", () => {
    const line = formatProgress({
      ...state,
      step: 1999,
      loss: Number.NaN,
      imagesPerSecond: 1234.5,
    });
    expect(line).toContain("1999/2000 (99 %), loss NaN, 1230 images/s");
  });
});

/** A line on a stream and a clock of our own. */
function progress(
  stream: { isTTY?: boolean; columns?: number },
  options: Partial<ProgressOptions> = {},
) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const line = new ProgressLine({
    stage: "a",
    steps: 10,
    firstStep: 0,
    env: { NO_COLOR: "1" },
    stream: { ...stream, write: (text) => written.push(text) },
    now: () => clock.ms,
    ...options,
  });
  const step = (number: number, ms: number, loss = 1): void => {
    clock.ms += ms;
    line.update({ step: number, loss, imagesPerSecond: 4 });
  };
  return { line, written, step };
}

const memory = /, \d+ MB|, [\d.]+ GB/;
const plain = (texts: readonly string[]): string[] => texts.map((text) => text.replace(memory, ""));

describe("ProgressLine on a file", () => {
  it("writes a line at once, then every ten seconds, and the last one", () => {
    const { line, written, step } = progress({});
    for (let i = 1; i <= 5; i++) step(i, 4000);
    line[Symbol.dispose]();
    line[Symbol.dispose]();
    expect(plain(written)).toEqual([
      "a 1/10 (10 %), loss 1.000, 4 images/s, 36 s left\n",
      "a 4/10 (40 %), loss 1.000, 4 images/s, 24 s left\n",
      "a 5/10 (50 %), loss 1.000, 4 images/s, 20 s left\n",
    ]);
  });

  it("says nothing of a stage without a step", () => {
    const { line, written } = progress({});
    line[Symbol.dispose]();
    expect(written).toEqual([]);
  });

  it("counts the time of this process only", () => {
    const { written, step } = progress({}, { firstStep: 6 });
    step(8, 2000);
    expect(plain(written)).toEqual(["a 8/10 (80 %), loss 1.000, 4 images/s, 2 s left\n"]);
  });

  it("smooths the loss, and forgets one that is none", () => {
    const { written, step } = progress({});
    step(1, 0, 1);
    step(2, 10_000, 3);
    step(3, 10_000, Number.NaN);
    step(4, 10_000, 2);
    // (0.95 * 1 + 3) / 1.95, then with 2 after it
    const losses = written.map((text) => /loss ([^,]+)/.exec(text)?.[1]);
    const second = (0.95 + 3) / 1.95;
    const last = (0.95 * 0.95 + 0.95 * 3 + 2) / (0.95 * 0.95 + 0.95 + 1);
    expect(losses).toEqual(["1.000", second.toPrecision(4), "NaN", last.toPrecision(4)]);
  });
});

describe("ProgressLine on a terminal", () => {
  const clear = "\r\u001b[2K";

  it("rewrites its line, ten times a second at most, and ends it", () => {
    const { line, written, step } = progress({ isTTY: true, columns: 100 });
    for (let i = 1; i <= 4; i++) step(i, 60);
    line[Symbol.dispose]();
    expect(plain(written)).toEqual([
      clear,
      "a 1/10 (10 %), loss 1.000, 4 images/s, 1 s left",
      clear,
      "a 3/10 (30 %), loss 1.000, 4 images/s, 0 s left",
      clear,
      "a 4/10 (40 %), loss 1.000, 4 images/s, 0 s left",
      "\n",
    ]);
  });

  it("never wraps", () => {
    const { written, step } = progress({ isTTY: true, columns: 12 });
    step(1, 100);
    expect(written).toEqual([clear, "a 1/10 (10 "]);
  });

  it("is bold where colours are wanted", () => {
    const { written, step } = progress({ isTTY: true, columns: 9 }, { env: {} });
    step(1, 100);
    expect(written).toEqual([clear, "\u001b[1m", "a", "\u001b[22m", " 1/10 ("]);
  });

  it("is plain lines on a dumb one", () => {
    const { written, step } = progress({ isTTY: true }, { env: { TERM: "dumb" } });
    step(1, 100);
    expect(plain(written)).toEqual(["a 1/10 (10 %), loss 1.000, 4 images/s, 1 s left\n"]);
  });
});
