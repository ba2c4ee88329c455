import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findRuns } from "./find-runs.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-find-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function makeRun(...path: readonly string[]): void {
  mkdirSync(join(folder, ...path), { recursive: true });
  writeFileSync(join(folder, ...path, "events.jsonl"), "");
}

it("finds runs in the folder, and in its folders that are none", async () => {
  makeRun("red fox");
  makeRun("demo", "run");
  makeRun("demo", "emoji", "too deep");
  makeRun("red fox", "published", "of a run");
  makeRun(".hidden");
  makeRun("demo", ".partial");
  writeFileSync(join(folder, "notes.txt"), "");
  expect(await findRuns(folder)).toEqual(["demo/run", "red fox"]);
});

it("takes a link for a run only if asked to, and never below", async () => {
  makeRun("elsewhere", "deep", "run");
  const target = join(folder, "elsewhere", "deep", "run");
  mkdirSync(join(folder, "demo"));
  symlinkSync(target, join(folder, "link"));
  symlinkSync(target, join(folder, "demo", "link"));
  expect(await findRuns(folder)).toEqual([]);
  expect(await findRuns(folder, { links: true })).toEqual(["link"]);
});

it("throws where there is no such folder", async () => {
  await expect(findRuns(join(folder, "none"))).rejects.toThrow("ENOENT");
});
