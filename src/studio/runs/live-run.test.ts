import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { EventHistory } from "./event-history.ts";
import { LiveRun } from "./live-run.ts";
import { Runs } from "./runs.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-live-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("is unreadable only as long as it can't be read", async () => {
  const path = join(folder, "short");
  await writeMadeRun(path, { steps: 5 });
  const run = new LiveRun({ id: "x", path, name: "short" }, () => {});
  const config = join(path, "config.json");
  const whole = readFileSync(config);
  writeFileSync(config, "{");
  const line = await run.line();
  expect(line).toMatchObject({ state: "unreadable", message: expect.stringContaining("JSON") });
  expect(await run.line()).toBe(line);
  writeFileSync(config, whole);
  const read = await run.line();
  expect(read.state).toBe("finished");
  expect(await run.line()).toBe(read);
});

it("is read again after a fault of the disk, also if it is long", async () => {
  const long = join(folder, "runs");
  await writeMadeRun(join(long, "long"), { steps: 12_000 });
  const runs = new Runs([long], () => {});
  await runs.scan();
  const [run] = runs.all;
  const refresh = vi.spyOn(EventHistory.prototype, "refresh");
  refresh.mockRejectedValue(Object.assign(new Error("EIO: i/o error"), { code: "EIO" }));
  expect(run?.isCold).toBe(true);
  await runs.lines(); // a quick look; all of it is read after that
  const state = async (): Promise<string | undefined> => (await runs.lines())[0]?.state;
  await vi.waitFor(async () => expect(await state()).toBe("unreadable"), 10_000);
  expect(await state()).toBe("unreadable");
  refresh.mockRestore();
  expect(await state()).toBe("finished");
});
