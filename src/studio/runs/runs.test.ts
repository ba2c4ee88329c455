import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { processOf } from "./run-process.ts";
import { Runs } from "./runs.ts";

vi.mock("./run-process.ts", { spy: true });

const folder = mkdtempSync(join(tmpdir(), "pixart-runs-"));
beforeAll(async () => {
  await writeMadeRun(join(folder, "good"), { steps: 20 });
  await writeMadeRun(join(folder, "locked"), { steps: 20 });
  await writeMadeRun(join(folder, "long"), { steps: 12_000 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As if the locks of these runs could not be opened. */
function refuseLocksOf(...names: readonly string[]): void {
  vi.mocked(processOf).mockImplementation((run) => {
    if (names.some((name) => run.endsWith(name))) throw new Error("too many open files");
    return undefined;
  });
}

describe("runs whose lock can't be read", () => {
  let runs: Runs;
  beforeEach(async () => {
    refuseLocksOf();
    runs = new Runs([folder]);
    await runs.scan();
  });
  const states = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await runs.lines()).map(({ name, state }) => [name, state]));

  it("are a line that says so, and the others stay as they are", async () => {
    refuseLocksOf("locked");
    expect(await states()).toMatchObject({ good: "finished", locked: "unreadable" });
    const [line, again] = [await runs.lines(), await runs.lines()].map((lines) =>
      lines.find(({ name }) => name === "locked"),
    );
    expect(line?.message).toBe("too many open files");
    expect(again).toBe(line);
    refuseLocksOf();
    expect(await states()).toMatchObject({ good: "finished", locked: "finished" });
  });

  it("don't keep long ones from being read", async () => {
    const run = runs.all.find(({ place }) => place.name === "long");
    if (run === undefined) throw new Error("no such run");
    expect(run.isCold).toBe(true);
    const line = runs.line(run); // a quick look, and all of it is read after that
    refuseLocksOf("long", "locked");
    await line;
    await vi.waitFor(() => expect(run.isCold).toBe(false), 10_000);
    refuseLocksOf();
    await vi.waitFor(async () => expect((await runs.line(run)).stage?.step).toBe(12_000), 10_000);
    expect(await states()).toMatchObject({ good: "finished", locked: "finished" });
  });
});
