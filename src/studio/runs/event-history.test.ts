import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { formatEvent, type RunEvent } from "../../training/run-folder/events.ts";
import { EventHistory } from "./event-history.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-history-"));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (minutes: number): { time: string; stage: string; step: number } => ({
  time: new Date(Date.UTC(2026, 0, 2) + 60_000 * minutes).toISOString(),
  stage: "a",
  step: 0,
});
const doing = (minutes: number, what: string): RunEvent => ({
  ...{ type: "activity", ...at(minutes) },
  ...{ what, done: 0, total: null },
});

it("counts the time of what a run does, and not that between two of its processes", async () => {
  const path = join(folder, "events.jsonl");
  const events: RunEvent[] = [
    { type: "run-start", time: at(0).time, name: "fox" },
    doing(0, "encoding latents"),
    doing(10, "encoding captions"),
    doing(12, "encoding captions"), // killed here
    { type: "warning", ...at(310), message: "slow" },
    { type: "resume", ...at(311) },
    doing(311, "encoding captions"),
    { type: "stage-start", ...at(315), steps: 9 },
  ];
  writeFileSync(path, events.map((event) => `${formatEvent(event)}\n`).join(""));
  const history = new EventHistory(path);
  await history.refresh(() => {});
  expect([...history.time]).toEqual([
    ["encoding latents", 600],
    ["encoding captions", 360],
  ]);
});
