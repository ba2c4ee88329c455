import { expect, it } from "vitest";
import { formatBytes, formatDuration } from "./quantities.ts";

it.each([
  [0, "0 s"],
  [0.4, "0 s"],
  [59.4, "59 s"],
  [59.6, "1 min 0 s"],
  [130, "2 min 10 s"],
  [3599.7, "1 h 0 min"],
  [3900, "1 h 5 min"],
  [86_400, "1 d 0 h"],
  [273_600, "3 d 4 h"],
  [8_640_000, "100 d 0 h"],
])("%s seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, "0 MB"],
  [812_345_678, "812 MB"],
  [1_236_000_000, "1.24 GB"],
])("%s bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
