import { expect, it } from "vitest";
import { EncodingProgress } from "./encoding-progress.ts";

it("tells every ten seconds how far encoding is, and at its end", () => {
  const lines: string[] = [];
  let now = 0;
  const progress = new EncodingProgress(
    "Encoding pictures",
    500,
    { say: (line) => lines.push(line) },
    () => now,
  );
  for (let done = 0; done < 500; done += 4) {
    now += 400;
    progress.done(4);
  }
  expect(lines).toEqual([
    "Encoding pictures: 100 of 500, 10/s, 40 s left",
    "Encoding pictures: 200 of 500, 10/s, 30 s left",
    "Encoding pictures: 300 of 500, 10/s, 20 s left",
    "Encoding pictures: 400 of 500, 10/s, 10 s left",
    "Encoding pictures: 500 of 500, 10/s",
  ]);
});

it("says nothing of what takes no time", () => {
  const lines: string[] = [];
  const progress = new EncodingProgress(
    "Encoding captions",
    2,
    { say: (line) => lines.push(line) },
    () => 0,
  );
  progress.done(2);
  expect(lines).toEqual([]);
});

it("tells at each one what is done, from the beginning on", () => {
  const told: unknown[] = [];
  const onProgress = (...all: unknown[]): number => told.push(all);
  const progress = new EncodingProgress("Encoding captions", 2, { onProgress });
  progress.done(1);
  progress.done(1);
  new EncodingProgress("Encoding pictures", 0, { onProgress });
  expect(told).toEqual([
    ["encoding captions", 0, 2],
    ["encoding captions", 1, 2],
    ["encoding captions", 2, 2],
  ]);
});
