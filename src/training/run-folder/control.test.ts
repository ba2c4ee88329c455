import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlFolder, isControlFile, requestControl } from "./control.ts";

let run: string;
let now = 0;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "pixart-control-"));
  now = 0;
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

const looking = (): ControlFolder => new ControlFolder(run, () => now);
const put = (name: string, text = ""): void => {
  mkdirSync(join(run, "control"), { recursive: true });
  writeFileSync(join(run, "control", name), text);
};

describe("a run's control folder", () => {
  it("has what was requested, once, and is looked into once a second", () => {
    const folder = looking();
    expect(folder.take()).toEqual(new Set());
    requestControl(run, "save");
    requestControl(run, "stop");
    now = 999;
    expect(folder.take()).toEqual(new Set());
    now = 1000;
    expect(folder.take()).toEqual(new Set(["save", "stop"]));
    expect(readdirSync(join(run, "control"))).toEqual([]);
    now = 2000;
    expect(folder.take()).toEqual(new Set());
  });

  it("takes an empty file of the name, and any JSON file that says it", () => {
    put("sample");
    put("from-a-phone.json", '{"do":"save"}');
    expect(looking().take()).toEqual(new Set(["sample", "save"]));
  });

  it.each([
    ["of another name", "halt", ""],
    ["that is half written", "a.json", '{"do":"sa'],
    ["that asks for what there is not", "a.json", '{"do":"fly"}'],
    ["of JSON that is no object", "a.json", "null"],
    ["that is too long", "a.json", `{"do":"save"${" ".repeat(5000)}}`],
  ])("leaves a file %s where it is", (_, name, text) => {
    put(name, text);
    expect(looking().take()).toEqual(new Set());
    expect(existsSync(join(run, "control", name))).toBe(true);
  });

  it("is never made in a run folder that is gone", () => {
    rmSync(run, { recursive: true });
    expect(() => requestControl(run, "stop")).toThrow(
      `${join(run, "control")}: expected to make this folder but found`,
    );
    expect(existsSync(run)).toBe(false);
  });

  it("tells its own files from others", () => {
    expect(["stop", "a.json", "notes.txt", ".tmp-a.json"].map(isControlFile)).toEqual([
      ...[true, true, false, false],
    ]);
  });
});
