import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../config/index.ts";
import { EventTail } from "./event-tail.ts";
import type { RunEvent } from "./events.ts";
import { RunFolder } from "./run-folder.ts";
import { RunJournal } from "./run-journal.ts";

let parent: string;
let run: RunFolder;
beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "pixart-journal-"));
  const config = configFromJson(JSON.stringify(tinyConfig("nowhere")), "tiny");
  run = await RunFolder.create(join(parent, "run"), config, "resume");
});
afterEach(() => {
  run[Symbol.dispose]();
  rmSync(parent, { recursive: true });
});

it("tells of each activity once a second, and ends no run where it cannot", async () => {
  let now = 0;
  const journal = new RunJournal(
    run,
    () => {},
    () => now,
  );
  for (let done = 0; done <= 30; done++) {
    journal.doing("encoding captions", done, 40);
    now += 100;
  }
  journal.doing("saving");
  const told: RunEvent[] = [];
  await new EventTail(join(run.path, "events.jsonl")).read((event) => told.push(event));
  expect(
    told.map((event) => event.type === "activity" && [event.what, event.done, event.total]),
  ).toEqual([
    ["encoding captions", 0, 40],
    ["encoding captions", 10, 40],
    ["encoding captions", 20, 40],
    ["encoding captions", 30, 40],
    ["saving", 0, null],
  ]);
  expect(told[0]).toMatchObject({ stage: "autoencoder", step: 0 });
  rmSync(run.path, { recursive: true });
  now += 5000;
  expect(() => journal.doing("saving")).not.toThrow();
});
