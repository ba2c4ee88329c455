import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../config/index.ts";
import { RunFolder } from "./run-folder.ts";
import { RunLog } from "./run-log.ts";

let parent: string;
let run: RunFolder;
beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "pixart-log-"));
  const config = configFromJson(JSON.stringify(tinyConfig("nowhere")), "tiny");
  run = await RunFolder.create(join(parent, "run"), config, "resume");
});
afterEach(() => {
  run[Symbol.dispose]();
  rmSync(parent, { recursive: true });
});

const kept = (name = "log.txt", folder = run.path): string[] =>
  readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
const words = (line: string): string => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, "");

describe("RunLog", () => {
  it("says each line and keeps it with its time, those too that came before the folder", () => {
    const said: string[] = [];
    const log = new RunLog((line) => said.push(line));
    log.say("plan");
    log.keepIn(run);
    log.say("stage");
    log.note("told elsewhere");
    expect(said).toEqual(["plan", "stage"]);
    expect(kept().map(words)).toEqual(["plan", "stage", "told elsewhere"]);
    expect(kept()[0]).toMatch(/^\d{4}-/);
  });

  it("goes on with what an earlier process kept, and keeps nothing that steers a terminal", () => {
    for (const line of ["first", "\u001b[31msecond"]) {
      const log = new RunLog(() => {});
      log.keepIn(run);
      log.say(line);
    }
    expect(kept().map(words)).toEqual(["first", "\\u001b[31msecond"]);
  });

  it("keeps nothing in a process that does not hold the run", () => {
    const said: string[] = [];
    const log = new RunLog((line) => said.push(line));
    log.say("before");
    log.keepNowhere();
    log.say("after");
    log.keepIn(run); // which writes what would have been gathered
    expect([said, existsSync(join(run.path, "log.txt"))]).toEqual([["before", "after"], false]);
  });

  it("keeps the newest part, and the one before it", () => {
    const log = new RunLog(() => {}, 100);
    log.keepIn(run);
    for (let i = 0; i < 9; i++) log.say(`line ${i}, so long`);
    expect(kept("log.1.txt").map(words)).toEqual(["line 6, so long", "line 7, so long"]);
    expect(kept().map(words)).toEqual(["line 8, so long"]);
  });

  it("follows a folder that is moved, and says on where there is none to write", () => {
    const said: string[] = [];
    const log = new RunLog((line) => said.push(line));
    log.keepIn(run);
    renameSync(run.path, join(parent, "moved"));
    log.say("moved");
    expect(kept("log.txt", join(parent, "moved")).map(words)).toEqual(["moved"]);
    rmSync(join(parent, "moved"), { recursive: true });
    log.say("gone");
    expect(said).toEqual(["moved", "gone"]);
  });
});
