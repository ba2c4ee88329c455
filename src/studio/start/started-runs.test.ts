import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { StartedRuns } from "./started-runs.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-started-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Prints its argument, and ends once a file of that name is there. */
const WAITS = `const [name] = process.argv.slice(1);
console.log(name);
setInterval(() => require("fs").existsSync(name) && process.exit(0), 10);`;

let started: StartedRuns;
beforeEach(() => {
  started = new StartedRuns([process.execPath, "-e", WAITS], join(folder, "starts"));
});
const place = (name: string) => ({ id: name, path: join(folder, name), name });
const NONE: ReadonlySet<string> = new Set();

async function end(id: string, file: string): Promise<void> {
  writeFileSync(join(folder, file), "");
  await vi.waitFor(() => expect(started.isAtWork(id)).toBe(false), 10_000);
}

it("are listed until they have a folder, and not again when that was removed", async () => {
  const { id, path } = place("mine");
  await started.start(place("mine"), ["go-mine"], folder);
  expect(await started.lines(NONE)).toMatchObject([{ id, state: "running" }]);
  await writeMadeRun(path, { steps: 5 });
  await end(id, "go-mine");
  expect(await started.lines(new Set([id]))).toEqual([]);
  rmSync(path, { recursive: true });
  expect(await started.lines(NONE)).toEqual([]);
  expect(started.find(id)).toBeUndefined();
});

it("are not listed either if their folder was removed while they ran", async () => {
  const { id, path } = place("lost");
  await started.start(place("lost"), ["go-lost"], folder);
  await writeMadeRun(path, { steps: 5 });
  expect(await started.lines(new Set([id]))).toEqual([]);
  rmSync(path, { recursive: true });
  await end(id, "go-lost");
  expect(await started.lines(NONE)).toEqual([]);
});

it("that end without a folder are failed, with the last lines of their own output", async () => {
  const { id } = place("never");
  for (const file of ["go-first", "go-second"]) {
    await started.start(place("never"), [file], folder);
    await end(id, file);
    expect(await started.lines(NONE)).toMatchObject([{ id, state: "failed", message: file }]);
  }
});
